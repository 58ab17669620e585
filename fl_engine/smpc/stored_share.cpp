// Words of a blob.
#include "fl_engine/smpc/stored_share.hpp"

#include <algorithm>
#include <bit>

namespace consilium::smpc {

void StoredShare::read(std::size_t start, std::span<Element> out) const {
    static_assert(std::endian::native == std::endian::little);
    if (!has_failed_) {
        const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(out.data()),
                                            out.size_bytes());
        const auto got = content_->read(start * kWordBytes, bytes);
        has_failed_ = !got || !are_words(bytes, out.size());
    }
    if (has_failed_) std::fill(out.begin(), out.end(), Element{0});
}

}  // namespace consilium::smpc
