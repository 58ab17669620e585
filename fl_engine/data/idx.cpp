// Implements the IDX pair reader; every length is checked before memory is taken.
#include "fl_engine/data/idx.hpp"

#include <cstddef>
#include <cstdint>

#include "fl_engine/data/schema.hpp"
#include "fl_engine/data/table.hpp"
#include "fl_engine/data/text_file.hpp"

namespace consilium::fl {
namespace {

constexpr std::uint32_t kImageMagic = 0x0803;  // unsigned bytes, three dimensions
constexpr std::uint32_t kLabelMagic = 0x0801;  // unsigned bytes, one dimension
constexpr double kPixelMax = 255;

tl::unexpected<Error> malformed(const std::string& name, const std::string& what) {
    return make_error(ErrorCode::kMalformed, name + ": " + what);
}

// The big-endian word at 4 x `position`; the caller checked the length.
std::uint32_t word_at(std::string_view bytes, std::size_t position) {
    std::uint32_t word = 0;
    for (const char c : bytes.substr(4 * position, 4)) {
        word = word << 8U | static_cast<std::uint8_t>(c);
    }
    return word;
}

struct ImageShape {
    std::size_t count = 0;
    std::size_t pixels = 0;  // of one image
};

Result<ImageShape> read_image_header(const NamedBytes& file) {
    constexpr std::size_t kHeaderBytes = 16;
    if (file.bytes.size() < kHeaderBytes || word_at(file.bytes, 0) != kImageMagic) {
        return malformed(file.name,
                         "is no IDX file of images (its first four bytes must be 00 00 08 03)");
    }
    const std::size_t count = word_at(file.bytes, 1);
    const std::size_t rows = word_at(file.bytes, 2);
    const std::size_t columns = word_at(file.bytes, 3);
    // Each factor is below 2^32 and the product of two fits; the limits come before a third one.
    if (count > kMaxRows || rows * columns > kMaxColumns || count * rows * columns > kMaxCells) {
        return make_error(ErrorCode::kLimitExceeded,
                          file.name + ": holds " + std::to_string(count) + " images of " +
                              std::to_string(rows) + " x " + std::to_string(columns) +
                              " pixels; at most " + std::to_string(kMaxRows) + " images, " +
                              std::to_string(kMaxColumns) + " pixels each and " +
                              std::to_string(kMaxCells) + " pixels altogether are read");
    }
    if (count == 0 || rows * columns == 0) return malformed(file.name, "holds no image");
    const ImageShape shape{count, rows * columns};
    if (file.bytes.size() != kHeaderBytes + shape.count * shape.pixels) {
        return malformed(file.name, "has " + std::to_string(file.bytes.size()) +
                                        " bytes, its header promises " +
                                        std::to_string(kHeaderBytes + count * shape.pixels) +
                                        "; fetch the file again");
    }
    return shape;
}

Result<void> check_labels(const NamedBytes& file, std::size_t images) {
    constexpr std::size_t kHeaderBytes = 8;
    if (file.bytes.size() < kHeaderBytes || word_at(file.bytes, 0) != kLabelMagic) {
        return malformed(file.name,
                         "is no IDX file of labels (its first four bytes must be 00 00 08 01)");
    }
    if (file.bytes.size() != kHeaderBytes + std::size_t{word_at(file.bytes, 1)}) {
        return malformed(file.name, "has another length than its header promises");
    }
    if (word_at(file.bytes, 1) != images) {
        return make_error(ErrorCode::kMismatch, file.name + ": holds " +
                                                    std::to_string(word_at(file.bytes, 1)) +
                                                    " labels for " + std::to_string(images) +
                                                    " images; take the files of one set");
    }
    for (const char c : file.bytes.substr(kHeaderBytes)) {
        if (c != 0 && c != 1) {
            return malformed(file.name, "holds label " +
                                            std::to_string(static_cast<std::uint8_t>(c)) +
                                            "; only two classes, 0 and 1, can be learned");
        }
    }
    return {};
}

}  // namespace

Result<Dataset> parse_idx(const NamedBytes& images, const NamedBytes& labels) {
    const Result<ImageShape> shape = read_image_header(images);
    if (!shape) return tl::unexpected(shape.error());
    const Result<void> status = check_labels(labels, shape->count);
    if (!status) return tl::unexpected(status.error());
    Dataset data;
    for (std::size_t i = 0; i < shape->pixels; ++i) {
        data.feature_names.push_back("pixel " + std::to_string(i));
    }
    data.features.reserve(shape->count * shape->pixels);
    for (const char c : images.bytes.substr(16)) {
        data.features.push_back(static_cast<std::uint8_t>(c) / kPixelMax);
    }
    for (const char c : labels.bytes.substr(8)) {
        data.labels.push_back(static_cast<std::uint8_t>(c));
    }
    return data;
}

Result<Dataset> load_idx(const std::filesystem::path& images, const std::filesystem::path& labels) {
    constexpr std::size_t kMaxImageBytes = kMaxCells + 16;
    const Result<std::string> image_bytes = read_text_file(images, kMaxImageBytes);
    if (!image_bytes) return tl::unexpected(image_bytes.error());
    const Result<std::string> label_bytes = read_text_file(labels, kMaxRows + 8);
    if (!label_bytes) return tl::unexpected(label_bytes.error());
    return parse_idx({images.string(), *image_bytes}, {labels.string(), *label_bytes});
}

}  // namespace consilium::fl
