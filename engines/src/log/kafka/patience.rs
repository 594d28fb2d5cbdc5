//! Asking again where a broker has just changed: a look-up that meets a broker which is no longer (or not yet) the one
//! to ask is refused at once, and answered a moment later. **Bound**: the time that is given.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Asks until there is an answer, an error that time does not heal, or the time is over.
pub(super) fn ask_again<T>(
    longest: Duration,
    mut question: impl FnMut(Duration) -> KafkaResult<T>,
) -> KafkaResult<T> {
    let deadline = Instant::now() + longest;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match question(left) {
            Err(error) if error.rdkafka_error_code().is_some_and(passes) && left > PAUSE => {
                std::thread::sleep(PAUSE);
            }
            answer => return answer,
        }
    }
}

/// Whether an error passes by itself while the cluster settles.
fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable, DestroyBroker,
        LeaderNotAvailable, NotCoordinator, NotLeaderForPartition, WaitingForCoordinator,
    };
    matches!(
        code,
        BrokerTransportFailure
            | CoordinatorLoadInProgress
            | CoordinatorNotAvailable
            // librdkafka took down its handle of a broker while the question was with it.
            | DestroyBroker
            | LeaderNotAvailable
            | NotCoordinator
            | NotLeaderForPartition
            | WaitingForCoordinator
    )
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaError;

    use super::*;

    #[test]
    fn asks_again_while_the_cluster_settles_and_not_otherwise() {
        let ask = |longest_ms, code| {
            let mut asked = 0;
            let answer = ask_again(Duration::from_millis(longest_ms), |_| {
                asked += 1;
                if asked < 3 {
                    Err(KafkaError::MetadataFetch(code))
                } else {
                    Ok(asked)
                }
            });
            (answer.is_ok(), asked)
        };
        assert_eq!(ask(60_000, RDKafkaErrorCode::NotCoordinator), (true, 3));
        assert_eq!(ask(0, RDKafkaErrorCode::NotCoordinator), (false, 1));
        assert_eq!(
            ask(60_000, RDKafkaErrorCode::TopicAuthorizationFailed),
            (false, 1)
        );
    }
}
