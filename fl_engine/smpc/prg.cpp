// Streams over AES-256-CTR; words are copied from the key stream in place.
#include "fl_engine/smpc/prg.hpp"

#include <bit>

#include "fl_engine/smpc/openssl_crypto.hpp"

namespace consilium::smpc {

static_assert(std::endian::native == std::endian::little,
              "stream words are read in memory order, which must be little-endian");

namespace {
constexpr std::uint64_t kWordsPerBlock = 2;  // of 16 bytes
}  // namespace

struct Prg::State {
    AesCtrStream stream;
};

Prg::Prg(std::span<const std::uint8_t, kKeyBytes> aes_key, std::uint64_t first_word)
    : state_(new State{AesCtrStream(aes_key, first_word / kWordsPerBlock)}) {
    CHECK(first_word % kWordsPerBlock == 0);
}
Prg::Prg(const Kdf& kdf, const Secret32& key, PrgDomain domain, std::uint64_t first_word)
    : Prg(kdf.derive(key, "prg", {static_cast<std::uint64_t>(domain)}).view(), first_word) {}
Prg Prg::expand(const Digest& seed) {
    return Prg(std::span(seed.bytes));
}
Prg::Prg(Prg&&) noexcept = default;
Prg& Prg::operator=(Prg&&) noexcept = default;
Prg::~Prg() = default;

void Prg::fill_words(std::span<std::uint64_t> out) {
    state_->stream.next({reinterpret_cast<std::uint8_t*>(out.data()), out.size_bytes()});
}

void Prg::fill_elements(std::span<Element> out) {
    fill_words(out);
    for (Element& word : out) word = element_of_word(word);
}

}  // namespace consilium::smpc
