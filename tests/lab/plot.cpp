// Draws one setting: a line per attack, and per measure a panel with a mark per rule.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "tests/lab/report.hpp"

namespace consilium::lab {
namespace {

constexpr double kLeft = 150;  // pixels, all of them
constexpr double kTop = 84;
constexpr double kLine = 22;
constexpr double kPanel = 230;  // width of a panel's axis
constexpr double kGap = 36;     // between panels

std::optional<double> balanced_accuracy_of(const Row& row) {
    return row.balanced_accuracy;
}
std::optional<double> auc_of(const Row& row) {
    return row.auc;
}
std::optional<double> success_of(const Row& row) {
    return row.attack_success;
}

// What lies below `lowest` is drawn there.
struct Panel {
    std::string_view title;
    int lowest_tenth = 0;
    std::optional<double> (*value)(const Row& row) = nullptr;
};
constexpr std::array<Panel, 5> kPanels = {
    {{"balanced accuracy", 3, &balanced_accuracy_of},
     {"AUC", 3, &auc_of},
     {"attack success", 0, &success_of},
     {"poisoned rejected", 0, [](const Row& row) { return row.poisoned_rejected_rate; }},
     {"honest rejected", 0, [](const Row& row) { return row.honest_rejected_rate; }}}};

double left_of(std::size_t panel) {
    return kLeft + static_cast<double>(panel) * (kPanel + kGap);
}

// By RuleKind: colours that also differ in brightness, and shapes.
struct Style {
    std::string_view colour;
    std::string_view shape;
};
constexpr std::array<Style, 8> kStyles = {{{"#c0392b", "cross"},
                                           {"#e08e0b", "square"},
                                           {"#7f8c8d", "triangle"},
                                           {"#2471a3", "circle"},
                                           {"#117a65", "diamond"},
                                           {"#85c1e9", "circle"},
                                           {"#82e0aa", "diamond"},
                                           {"#000000", "bar"}}};

std::string number(double value) {
    std::array<char, 32> text{};
    const int length = std::snprintf(text.data(), text.size(), "%.1f", value);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" +
           std::string(anchor) + "\">" + escaped(text) + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
    return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
           "\" y2=\"" + number(y2) + "\" " + std::string(style) + "/>\n";
}

std::string path(double x, double y, std::string_view steps, std::string_view colour) {
    return "<path d=\"M" + number(x) + " " + number(y) + " " + std::string(steps) + "\" fill=\"" +
           std::string(colour) + "\" fill-opacity=\"0.8\"/>\n";
}

std::string mark(double x, double y, RuleKind rule) {
    const Style& style = kStyles[static_cast<std::size_t>(rule)];
    if (style.shape == "square") return path(x - 4.5, y - 4.5, "h9v9h-9z", style.colour);
    if (style.shape == "triangle") return path(x - 5, y + 4.5, "h10l-5 -10z", style.colour);
    if (style.shape == "diamond") return path(x - 6, y, "l6 -6l6 6l-6 6z", style.colour);
    if (style.shape == "circle") {
        return "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) + "\" r=\"5\" fill=\"" +
               std::string(style.colour) + "\" fill-opacity=\"0.8\"/>\n";
    }
    const std::string stroke = "stroke-width=\"2.5\" stroke=\"" + std::string(style.colour) + "\"";
    if (style.shape == "bar") return line(x, y - 7, x, y + 7, stroke);
    return line(x - 4, y - 4, x + 4, y + 4, stroke) + line(x - 4, y + 4, x + 4, y - 4, stroke);
}

double place(std::size_t panel, double value) {
    const double lowest = kPanels.at(panel).lowest_tenth / 10.0;
    const double share = (std::clamp(value, lowest, 1.0) - lowest) / (1 - lowest);
    return left_of(panel) + share * kPanel;
}

template <typename T>
std::vector<T> distinct(std::span<const Row> rows, T Row::*member) {
    std::vector<T> out;
    for (const Row& row : rows) {
        if (std::find(out.begin(), out.end(), row.*member) == out.end()) {
            out.push_back(row.*member);
        }
    }
    return out;
}

std::string legend(std::span<const RuleKind> rules) {
    std::string out;
    double x = kLeft;
    for (const RuleKind rule : rules) {
        out += mark(x, 34, rule) + text_at(x + 12, 38, "start", to_string(rule));
        x += 106;
    }
    return out;
}

std::string axis(std::size_t panel, double bottom) {
    std::string out;
    for (int tenth = kPanels.at(panel).lowest_tenth; tenth <= 10; ++tenth) {
        const double x = place(panel, tenth / 10.0);
        out += line(x, kTop - 8, x, bottom, "stroke=\"#d5d8dc\"");
        if (tenth % 2 == 0) out += text_at(x, kTop - 12, "middle", number(tenth / 10.0));
    }
    return out + text_at(left_of(panel), kTop - 28, "start", kPanels.at(panel).title);
}

// One attack's marks in one panel.
std::string marks(std::span<const Row> rows, fl::Collusion attack, std::size_t panel, double y) {
    std::string out = line(left_of(panel), y, left_of(panel) + kPanel, y, "stroke=\"#eceff1\"");
    for (const Row& row : rows) {
        const auto value = kPanels.at(panel).value(row);
        if (row.attack == attack && value) out += mark(place(panel, *value), y, row.rule);
    }
    return out;
}

}  // namespace

std::string format_plot(std::span<const Row> rows) {
    const auto attacks = distinct(rows, &Row::attack);
    const double bottom = kTop + kLine * static_cast<double>(attacks.size());
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" +
                      number(left_of(kPanels.size())) + "\" height=\"" + number(bottom + 20) +
                      "\" font-family=\"sans-serif\" font-size=\"13\">\n" +
                      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" +
                      text_at(kLeft, 20, "start", to_string(rows.front().setting)) +
                      legend(distinct(rows, &Row::rule));
    for (std::size_t panel = 0; panel < kPanels.size(); ++panel) out += axis(panel, bottom);
    for (std::size_t i = 0; i < attacks.size(); ++i) {
        const double y = kTop + kLine * (static_cast<double>(i) + 0.5);
        out += text_at(kLeft - 12, y + 4, "end", fl::to_string(attacks[i]));
        for (std::size_t panel = 0; panel < kPanels.size(); ++panel) {
            out += marks(rows, attacks[i], panel, y);
        }
    }
    return out + "</svg>\n";
}

}  // namespace consilium::lab
