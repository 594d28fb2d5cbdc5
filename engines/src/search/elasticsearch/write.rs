//! The writes of a range: runs of documents that are created, and the erasures between them, in their order.
//!
//! **Invariants:** the first document under an id wins, within a range as over all that is there
//! (`op_type=create`); what a repeat finds is read back to tell it from a twin. The marker
//! of an erased session is looked for before its documents are created and again after: where it is, they become
//! stubs. So of creating and erasing the later one sees the other, also when it is the repeat of a range.

use std::collections::{BTreeSet, HashMap, HashSet};

use hindsight_schemas::canonical::hex;
use hindsight_schemas::reason::Reason;

use super::super::{SearchError, WriteOutcome, place};
use super::ElasticsearchSearch;
use super::bulk::{Action, Landed, Operation};
use super::document::{STUB, StoredIdentity};
use super::encode::{EncodedWrite, New, Of, Visit};

/// A document, and the index in which it is to lie.
struct Placed<'a> {
    new: &'a New,
    index: String,
}

impl Placed<'_> {
    fn id(&self) -> &str {
        self.new.id.as_str()
    }

    /// The visit of a batch.
    fn visit(&self) -> Option<&Visit> {
        match &self.new.of {
            Of::Audit(_) => None,
            Of::Visit(visit) => Some(visit),
        }
    }

    fn is_of(&self, visits: &HashSet<Visit>) -> bool {
        self.visit().is_some_and(|visit| visits.contains(visit))
    }

    fn operation(&self) -> Operation {
        Operation {
            action: Action::Create,
            index: self.index.clone(),
            id: self.id().to_owned(),
            body: self.new.body.clone(),
        }
    }

    /// What it means that this has our id.
    fn compare(&self, stored: Option<StoredIdentity>) -> Result<WriteOutcome, SearchError> {
        let id = self.id();
        let stored = stored.ok_or_else(|| {
            SearchError::Engine(format!("document {id} was taken, and now it is not there"))
        })?;
        if stored.kind == STUB {
            return Ok(WriteOutcome::Erased);
        }
        Ok(WriteOutcome::Exists {
            same_content: stored.content_sha256 == hex(&self.new.content_sha256),
            position: place::parse(&stored.position)?,
        })
    }
}

impl ElasticsearchSearch {
    /// Writes all, in order; the indices from which something was erased are added.
    pub(super) async fn write_all(
        &self,
        writes: &[EncodedWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for run in writes.chunk_by(|one, other| kind_of_run(one) == kind_of_run(other)) {
            outcomes.extend(match &run[0] {
                EncodedWrite::Create(_) => self.create(run, erased_from).await?,
                EncodedWrite::Stub(_) => self.stub(run, erased_from).await?,
                EncodedWrite::EraseSession { .. } => self.erase_sessions(run, erased_from).await?,
            });
        }
        Ok(outcomes)
    }

    /// Creates documents. Where an id comes again, it comes in a later round, so that each is tried as if alone.
    async fn create(
        &self,
        writes: &[EncodedWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let news: Vec<Placed> = writes.iter().filter_map(|write| self.placed(write)).collect();
        for index in news.iter().map(|new| &new.index).collect::<BTreeSet<_>>() {
            self.ensure_index(index).await?;
        }
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; news.len()];
        for round in rounds(&news) {
            let of_round: Vec<&Placed> = round.iter().map(|at| &news[*at]).collect();
            for (at, outcome) in round.iter().zip(self.create_round(&of_round).await?) {
                // It may have been found between its creation and its stub.
                if outcome == WriteOutcome::Erased {
                    erased_from.insert(news[*at].index.clone());
                }
                outcomes[*at] = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Creates documents of different ids.
    async fn create_round(&self, news: &[&Placed<'_>]) -> Result<Vec<WriteOutcome>, SearchError> {
        let sessions: HashSet<Visit> = news.iter().filter_map(|new| new.visit()).cloned().collect();
        let before = self.erased(&sessions).await?;
        let (gone, open): (Vec<&Placed>, Vec<&Placed>) =
            news.iter().copied().partition(|new| new.is_of(&before));
        // Whoever wrote this range before us may have created them, and died before it saw the marker.
        self.bulk(&stubs(gone)).await?;
        let operations: Vec<Operation> = open.iter().map(|new| new.operation()).collect();
        let landed = self.bulk(&operations).await?;
        let landed: HashMap<&str, Landed> = open.iter().map(|new| new.id()).zip(landed).collect();
        let sessions = sessions.difference(&before).cloned().collect();
        let late = self.erase_late(&open, &landed, &sessions).await?;

        let settled = news.iter().map(|new| match landed.get(new.id()) {
            None => Some(WriteOutcome::Erased),
            Some(_) if new.is_of(&late) => Some(WriteOutcome::Erased),
            Some(Landed::Written) => Some(WriteOutcome::Created),
            Some(Landed::Unreadable(words)) => Some(WriteOutcome::Rejected {
                reason: Reason::PoisonBody,
                detail: words.clone(),
            }),
            Some(Landed::Taken) => None,
        });
        self.compare_with_stored(news, settled.collect()).await
    }

    /// Sessions that were erased while their documents were created: these become stubs.
    async fn erase_late(
        &self,
        news: &[&Placed<'_>],
        landed: &HashMap<&str, Landed>,
        sessions: &HashSet<Visit>,
    ) -> Result<HashSet<Visit>, SearchError> {
        let late = self.erased(sessions).await?;
        let written = |new: &&&Placed| landed.get(new.id()) == Some(&Landed::Written) && new.is_of(&late);
        self.bulk(&stubs(news.iter().filter(written).copied())).await?;
        Ok(late)
    }

    /// What was found under ids that were taken: the same record, a repeat, a twin, or a stub.
    async fn compare_with_stored(
        &self,
        news: &[&Placed<'_>],
        outcomes: Vec<Option<WriteOutcome>>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let taken = news
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_none());
        let asked: Vec<(&str, &str)> = taken.map(|(new, _)| (new.index.as_str(), new.id())).collect();
        let mut stored = self.identities(&asked).await?.into_iter();
        let settled = news.iter().zip(outcomes).map(|(new, outcome)| match outcome {
            Some(outcome) => Ok(outcome),
            None => new.compare(stored.next().flatten()),
        });
        settled.collect()
    }

    fn placed<'a>(&self, write: &'a EncodedWrite) -> Option<Placed<'a>> {
        let EncodedWrite::Create(new) = write else {
            return None;
        };
        let index = match &new.of {
            Of::Audit(id) => self.names.audit(*id),
            Of::Visit((_, session)) => self.names.activity(*session),
        };
        Some(Placed { new, index })
    }
}

/// What takes the ids of documents that must not be.
fn stubs<'a>(news: impl IntoIterator<Item = &'a Placed<'a>>) -> Vec<Operation> {
    let stub = |new: &Placed| super::erase::stub(new.index.clone(), new.id().to_owned());
    news.into_iter().map(stub).collect()
}

/// Documents of both kinds are one run.
fn kind_of_run(write: &EncodedWrite) -> u8 {
    match write {
        EncodedWrite::Create(_) => 0,
        EncodedWrite::Stub(_) => 1,
        EncodedWrite::EraseSession { .. } => 2,
    }
}

/// Which documents are written together: the first of each id, then the second of each that has one, and so on.
fn rounds(news: &[Placed]) -> Vec<Vec<usize>> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (at, new) in news.iter().enumerate() {
        let times = seen.entry(new.id()).or_default();
        if *times == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*times].push(at);
        *times += 1;
    }
    rounds
}
