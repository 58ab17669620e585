// A small validator of JSON against schemas.
#include "tests/explorer/openapi_kit.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace consilium::testing {
namespace {

using Json = nlohmann::json;
using Problems = std::vector<std::string>;

std::string below(const std::string& place, const std::string& name) {
    return place + "/" + name;
}

class Validator {
  public:
    explicit Validator(const Json& description) : description_(description) {}

    [[nodiscard]] Problems check(const Json& schema, const Json& value,
                                 const std::string& place) const {
        Problems problems;
        std::set<std::string> described;
        const bool is_open = collect(schema, value, place, problems, described);
        if (value.is_object() && !is_open) {
            for (const auto& [name, member] : value.items()) {
                if (!described.contains(name))
                    problems.push_back(below(place, name) + ": not described");
            }
        }
        return problems;
    }

  private:
    [[nodiscard]] const Json& resolve(const Json& schema) const {
        const Json* found = &schema;
        while (found->contains("$ref")) {
            const std::string pointer = (*found)["$ref"].get<std::string>().substr(1);
            found = &description_.at(Json::json_pointer(pointer));
        }
        return *found;
    }

    static bool has_type(const Json& value, const std::string& type) {
        if (type == "null") return value.is_null();
        if (type == "boolean") return value.is_boolean();
        if (type == "integer") return value.is_number_integer();
        if (type == "number") return value.is_number();
        if (type == "string") return value.is_string();
        if (type == "array") return value.is_array();
        return type == "object" && value.is_object();
    }

    // Checks all but undescribed members, and notes which are described. True: any are allowed.
    [[nodiscard]] bool collect(const Json& raw, const Json& value, const std::string& place,
                               Problems& problems, std::set<std::string>& described) const {
        const Json& schema = resolve(raw);
        bool is_open = schema.value("additionalProperties", Json(false)) == true;
        check_type(schema, value, place, problems);
        if (schema.contains("anyOf")) check_any(schema["anyOf"], value, place, problems, described);
        for (const Json& part : schema.value("allOf", Json::array())) {
            is_open = collect(part, value, place, problems, described) || is_open;
        }
        for (const Json& name : schema.value("required", Json::array())) {
            if (!value.contains(name.get<std::string>())) {
                problems.push_back(below(place, name.get<std::string>()) + ": required");
            }
        }
        if (value.is_array() && schema.contains("items")) {
            for (std::size_t i = 0; i < value.size(); ++i) {
                append(problems, check(schema["items"], value[i], below(place, std::to_string(i))));
            }
        }
        if (value.is_object() && schema.contains("properties")) {
            for (const auto& [name, member] : schema["properties"].items()) {
                described.insert(name);
                if (value.contains(name)) {
                    append(problems, check(member, value[name], below(place, name)));
                }
            }
        }
        return is_open;
    }

    static void check_type(const Json& schema, const Json& value, const std::string& place,
                           Problems& problems) {
        if (schema.contains("type")) {
            const Json types =
                schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
            const bool fits = std::any_of(types.begin(), types.end(), [&](const Json& type) {
                return has_type(value, type.get<std::string>());
            });
            if (!fits) problems.push_back(place + ": is no " + types.dump());
        }
        if (schema.contains("enum")) {
            const Json& values = schema["enum"];
            if (std::find(values.begin(), values.end(), value) == values.end()) {
                problems.push_back(place + ": is none of " + values.dump());
            }
        }
    }

    // One alternative must fit whole; the one that fits best tells what is wrong.
    void check_any(const Json& alternatives, const Json& value, const std::string& place,
                   Problems& problems, std::set<std::string>& described) const {
        std::optional<Problems> least;
        for (const Json& alternative : alternatives) {
            Problems found = check(alternative, value, place);
            if (!least || found.size() < least->size()) least = std::move(found);
        }
        if (least) append(problems, *least);
        if (!value.is_object()) return;
        for (const auto& [name, member] : value.items()) described.insert(name);
    }

    static void append(Problems& problems, const Problems& more) {
        problems.insert(problems.end(), more.begin(), more.end());
    }

    const Json& description_;
};

const Json* schema_of(const Json& description, const std::string& path) {
    const Json& operations = description.at("paths").at(path);
    if (!operations.contains("get")) return nullptr;
    const Json& responses = operations["get"]["responses"];
    if (!responses.contains("200") || !responses["200"].contains("content")) return nullptr;
    const Json& content = responses["200"]["content"];
    if (!content.contains("application/json")) return nullptr;
    return &content["application/json"]["schema"];
}

}  // namespace

std::vector<std::string> compare_with_openapi(const Json& description, const std::string& path,
                                              const Json& answer) {
    const Json* schema = schema_of(description, path);
    if (schema == nullptr) return {path + ": not described"};
    return Validator(description).check(*schema, answer, "");
}

std::vector<std::string> json_paths(const Json& description) {
    std::vector<std::string> paths;
    for (const auto& [path, operations] : description.at("paths").items()) {
        if (schema_of(description, path) != nullptr) paths.push_back(path);
    }
    return paths;
}

}  // namespace consilium::testing
