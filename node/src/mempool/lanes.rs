//! How blocks and the mempool's room are shared among the lanes (rule L-10). All figures stand here.

use inro_contracts::transaction::Lane;

/// What is kept for a lane. What a lane does not use flows to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LanePolicy {
    /// The part of each block that is kept for the lane, in percent.
    pub block_share_percent: u8,
    /// The part of the mempool's room that is kept for the lane, in percent. The rest, 65 percent, goes to whoever comes first.
    pub mempool_share_percent: u8,
    /// The part of the admission queue that the lane may fill, in percent: under overload bulk is turned away first.
    pub queue_share_percent: u8,
}

/// A lane's policy.
pub const fn policy(lane: Lane) -> LanePolicy {
    match lane {
        Lane::Guard => LanePolicy { block_share_percent: 25, mempool_share_percent: 10, queue_share_percent: 100 },
        Lane::Emergency => LanePolicy { block_share_percent: 20, mempool_share_percent: 5, queue_share_percent: 95 },
        Lane::Access => LanePolicy { block_share_percent: 35, mempool_share_percent: 10, queue_share_percent: 90 },
        Lane::Bulk => LanePolicy { block_share_percent: 20, mempool_share_percent: 10, queue_share_percent: 80 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_no_more_than_everything() {
        let sum = |share: fn(LanePolicy) -> u8| Lane::ALL.into_iter().map(|lane| u32::from(share(policy(lane)))).sum::<u32>();
        assert_eq!(sum(|policy| policy.block_share_percent), 100);
        assert_eq!(sum(|policy| policy.mempool_share_percent), 35);
    }

    #[test]
    fn a_lane_that_is_served_earlier_is_turned_away_later() {
        let shares = Lane::ALL.map(|lane| policy(lane).queue_share_percent);
        assert!(shares.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
