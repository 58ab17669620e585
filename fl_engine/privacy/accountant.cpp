// Conversions between zCDP, Renyi divergence and (epsilon, delta).
#include "fl_engine/privacy/accountant.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/check.hpp"

namespace consilium::fl {
namespace {

// Orders alpha = 1 + 2^(k/32), k from -320 to 640: dense enough for four digits.
constexpr int kFirstStep = -320;
constexpr int kLastStep = 640;
constexpr double kStepsPerDoubling = 32;

double excess_of_step(int step) {
    return std::exp2(step / kStepsPerDoubling);
}

// CKS 2020, proposition 12; `excess` = alpha - 1.
double convert(double divergence, double excess, double delta) {
    const double alpha = 1 + excess;
    return divergence + (std::log(1 / delta) - std::log(alpha)) / excess - std::log1p(1 / excess);
}

double normal_cdf(double x) {
    return std::erfc(-x / std::numbers::sqrt2) / 2;
}

}  // namespace

double gaussian_rho(double sensitivity, double sigma) {
    return sensitivity * sensitivity / (2 * sigma * sigma);
}

double epsilon_of_rho(double rho, double delta) {
    CHECK(rho >= 0 && delta > 0 && delta < 1);
    double best = std::numeric_limits<double>::infinity();
    for (int step = kFirstStep; step <= kLastStep; ++step) {
        const double excess = excess_of_step(step);
        best = std::min(best, convert((1 + excess) * rho, excess, delta));
    }
    return std::max(best, 0.0);
}

double rho_of_epsilon(double epsilon, double delta) {
    double low = 0;
    double high = epsilon;  // epsilon(rho) >= rho
    constexpr int kHalvings = 100;
    for (int i = 0; i < kHalvings; ++i) {
        const double middle = (low + high) / 2;
        (epsilon_of_rho(middle, delta) <= epsilon ? low : high) = middle;
    }
    return low;
}

double gaussian_delta(double epsilon, double sigma) {
    const double half = 1 / (2 * sigma);
    return normal_cdf(half - epsilon * sigma) -
           std::exp(epsilon) * normal_cdf(-half - epsilon * sigma);
}

RenyiAccountant::RenyiAccountant() {
    for (int step = kFirstStep; step <= kLastStep; ++step) {
        orders_.push_back(1 + excess_of_step(step));
    }
    divergences_.assign(orders_.size(), 0.0);
}

void RenyiAccountant::add_gaussian(double noise_multiplier, double times) {
    for (std::size_t i = 0; i < orders_.size(); ++i) {
        divergences_[i] += times * orders_[i] * gaussian_rho(1, noise_multiplier);
    }
}

void RenyiAccountant::add_pure(double epsilon) {
    for (std::size_t i = 0; i < orders_.size(); ++i) {
        divergences_[i] += std::min(epsilon, orders_[i] * epsilon * epsilon / 2);
    }
}

double RenyiAccountant::epsilon(double delta) const {
    double best = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < orders_.size(); ++i) {
        best = std::min(best, convert(divergences_[i], orders_[i] - 1, delta));
    }
    return std::max(best, 0.0);
}

}  // namespace consilium::fl
