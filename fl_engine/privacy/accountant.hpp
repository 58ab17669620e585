// Differential privacy in floating point, for planning and as a check of the chain's integers.
//
// zCDP: rho of a Gaussian mechanism is sensitivity^2 / (2 sigma^2); rho of several releases adds
// up. Renyi: epsilon(alpha) of several releases adds up per order. Conversion to (epsilon, delta)
// as in Canonne, Kamath and Steinke (2020), proposition 12. What counts on chain is the integer
// bound of contracts/schema/privacy.hpp.
#pragma once
#include <vector>

namespace consilium::fl {

// rho of one release of noise standard deviation sigma; the discrete Gaussian has the same.
[[nodiscard]] double gaussian_rho(double sensitivity, double sigma);
// Smallest epsilon over all orders; rho >= 0, 0 < delta < 1.
[[nodiscard]] double epsilon_of_rho(double rho, double delta);
// Largest rho whose epsilon at delta is at most `epsilon`.
[[nodiscard]] double rho_of_epsilon(double epsilon, double delta);
// The exact delta of one Gaussian release with sensitivity 1 (Balle and Wang 2018, theorem 8).
[[nodiscard]] double gaussian_delta(double epsilon, double sigma);

// Renyi divergences at fixed orders, for releases that are no plain Gaussian among them.
class RenyiAccountant {
  public:
    RenyiAccountant();
    // `times` releases of Gaussian noise; the noise multiplier is sigma / sensitivity.
    void add_gaussian(double noise_multiplier, double times = 1);
    // A release with pure epsilon: min(epsilon, alpha epsilon^2 / 2).
    void add_pure(double epsilon);
    [[nodiscard]] double epsilon(double delta) const;

  private:
    std::vector<double> orders_;
    std::vector<double> divergences_;
};

}  // namespace consilium::fl
