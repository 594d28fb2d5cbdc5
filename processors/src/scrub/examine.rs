//! Records are looked for in all views; what seems lost is asked for again, and then explained if it can be.
//!
//! **Invariant:** erasures, retention and dead letters are asked after the last look, so whatever took a record away before
//! is known. **Failure:** a view, or what would explain a loss, that does not answer makes `unknown`.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use tokio::time::Instant;

use super::outcome::{Loss, Outcome, Tally, View};
use super::sampled::Sampled;
use super::{Scrubber, documents, letters, replays, tables};

/// What came of some records.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) tally: Tally,
    pub(super) losses: Vec<Loss>,
}

/// Which look it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Again,
}

/// How records stand, by view and place in the sample.
type Standings = BTreeMap<(View, usize), Outcome>;

impl Scrubber {
    /// Looks for records that every view had passed at this moment.
    pub(super) async fn examine(&self, sampled: &[Sampled], passed_at: Instant) -> Examined {
        let asked = sampled.iter().enumerate().flat_map(|(at, sampled)| {
            let topic = sampled.position.partition.topic;
            let views = View::ALL.into_iter().filter(move |view| view.reads(topic));
            views.map(move |view| (view, at))
        });
        let mut standings = self.look(sampled, asked.collect(), Look::First).await;
        let suspects = losses(&standings);
        if !suspects.is_empty() {
            tokio::time::sleep_until(passed_at + self.options.pause).await;
            standings.extend(self.look(sampled, suspects, Look::Again).await);
            self.explain(sampled, &mut standings).await;
        }
        told(sampled, &standings)
    }

    /// Each view is asked once.
    async fn look(&self, sampled: &[Sampled], asked: Vec<(View, usize)>, look: Look) -> Standings {
        let mut by_view: BTreeMap<View, Vec<usize>> = BTreeMap::new();
        for (view, at) in asked {
            by_view.entry(view).or_default().push(at);
        }
        let mut standings = Standings::new();
        for (view, places) in by_view {
            let records: Vec<&Sampled> = places.iter().map(|at| &sampled[*at]).collect();
            let outcomes = self.look_in(view, &records, look).await.unwrap_or_else(|error| {
                tracing::warn!(view = view.as_str(), %error, "the scrubber can't ask a view");
                vec![Outcome::Unknown; places.len()]
            });
            let of_view = places.into_iter().map(|at| (view, at));
            standings.extend(of_view.zip(outcomes));
        }
        standings
    }

    async fn look_in(&self, view: View, records: &[&Sampled], look: Look) -> Result<Vec<Outcome>, String> {
        let views = &self.views;
        // A replica that is behind must not look like a loss.
        if (view, look) == (View::Analytics, Look::Again) {
            let caught_up = tables::catch_up(&*views.analytics, &self.database()).await;
            caught_up.map_err(|error| error.to_string())?;
        }
        match view {
            View::Analytics => tables::look(&*views.analytics, &self.database(), records)
                .await
                .map_err(|error| error.to_string()),
            View::Search => documents::look(&*views.search, records)
                .await
                .map_err(|error| error.to_string()),
            View::Replay => replays::look(&views.replays, records)
                .await
                .map_err(|error| error.to_string()),
        }
    }

    fn database(&self) -> String {
        hindsight_schemas::ddl::database(self.views.view_generation)
    }

    /// Says of what is still lost whether it may be.
    async fn explain(&self, sampled: &[Sampled], standings: &mut Standings) {
        let lost = losses(standings);
        let wanted = lost.iter().map(|(view, at)| (sampled[*at].position, *view));
        let wanted: HashSet<letters::Refusal> = wanted.collect();
        if wanted.is_empty() {
            return;
        }
        let refused = letters::refused(&*self.views.log, &wanted).await;
        let refused = refused.map_err(|error| error.to_string());
        for (view, at) in lost {
            let why = self.why(view, &sampled[at], &refused).await;
            let why = why.unwrap_or_else(|error| {
                tracing::warn!(view = view.as_str(), %error, "whether a record may be missing can't be found out");
                Some(Outcome::Unknown)
            });
            standings.extend(why.map(|outcome| ((view, at), outcome)));
        }
    }

    /// Why a record need not be there; `None` if nothing says so.
    async fn why(
        &self,
        view: View,
        record: &Sampled,
        refused: &Result<HashSet<letters::Refusal>, String>,
    ) -> Result<Option<Outcome>, String> {
        if record.has_expired(Timestamp::now().as_second()) {
            return Ok(Some(Outcome::Expired));
        }
        if self.is_erased(view, record).await? {
            return Ok(Some(Outcome::Erased));
        }
        let has_letter = refused
            .as_ref()
            .map_err(String::clone)?
            .contains(&(record.position, view));
        Ok(has_letter.then_some(Outcome::Refused))
    }

    /// Sessions have tombstones; of an audit event the search engine keeps its id.
    async fn is_erased(&self, view: View, record: &Sampled) -> Result<bool, String> {
        if let Some((project, session)) = record.session() {
            let erased = self.views.erased.ask(project, session).await;
            return erased.map_err(|error| error.to_string());
        }
        match record.identity() {
            Some(id) if view != View::Search => documents::is_erased(&*self.views.search, id)
                .await
                .map_err(|error| error.to_string()),
            _ => Ok(false),
        }
    }
}

fn losses(standings: &Standings) -> Vec<(View, usize)> {
    let lost = standings.iter().filter(|(_, outcome)| outcome.is_loss());
    lost.map(|(place, _)| *place).collect()
}

fn told(sampled: &[Sampled], standings: &Standings) -> Examined {
    let mut examined = Examined::default();
    for ((view, at), outcome) in standings {
        examined.tally.add(*view, *outcome);
        if outcome.is_loss() {
            let record = &sampled[*at];
            let identity = record.identity().map(|id| id.as_str().to_owned());
            examined.losses.push(Loss {
                view: *view,
                outcome: *outcome,
                position: record.position,
                identity: identity.unwrap_or_default(),
            });
        }
    }
    examined
}
