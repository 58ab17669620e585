// Letters between members that wait to be looked at: bounded per peer, so that nobody fills the
// place of another.
//
// Plain value, not thread-safe. A letter over a bound is dropped; whoever asks repeats itself.
#pragma once
#include <cstddef>
#include <map>
#include <vector>

#include "core/bytes.hpp"
#include "core/signature.hpp"

namespace consilium::mpc {

// `peer` is who sent it, or who shall get it: a validator key that the link has proved.
struct Letter {
    PublicKey peer;
    Bytes content;
};
// A reply for each of the 330 subsets that two of 13 members share is 38 KB.
inline constexpr std::size_t kMaxLetterBytes = 64 * 1024;

class Mailbox {
  public:
    static constexpr std::size_t kMaxPerPeer = 4;  // a request and a reply, of two steps
    static constexpr std::size_t kMaxPeers = 64;   // as many validators as a chain has

    // False: dropped.
    bool push(Letter letter) {
        if (letter.content.size() > kMaxLetterBytes) return false;
        const auto waiting = by_peer_.find(letter.peer);
        if (waiting == by_peer_.end()) {
            if (by_peer_.size() >= kMaxPeers) return false;
            by_peer_[letter.peer].push_back(std::move(letter));
            return true;
        }
        if (waiting->second.size() >= kMaxPerPeer) return false;
        waiting->second.push_back(std::move(letter));
        return true;
    }
    // All of them, in the order of keys and then of arrival.
    [[nodiscard]] std::vector<Letter> take() {
        std::vector<Letter> all;
        for (auto& [peer, letters] : by_peer_) {
            for (Letter& letter : letters) all.push_back(std::move(letter));
        }
        by_peer_.clear();
        return all;
    }

  private:
    std::map<PublicKey, std::vector<Letter>> by_peer_;
};

}  // namespace consilium::mpc
