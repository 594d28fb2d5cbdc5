//! The writes of a range: runs of documents that are created, and the erasures between them, in their order.
//!
//! **Invariants:** the first document under an id wins, within a range as over all that is there
//! (`op_type=create`); what a repeat finds is read back to tell it from a twin. The marker
//! of an erased session is looked for before its documents are created and again after: where it is, they become
//! stubs. So of creating and erasing the later one sees the other, also when it is the repeat of a range.

use std::collections::{BTreeSet, HashMap, HashSet};

use hindsight_schemas::canonical::hex;
use hindsight_schemas::documents::DocumentId;
use hindsight_schemas::ids::{ProjectId, SessionId};
use hindsight_schemas::reason::Reason;

use super::super::{SearchError, SearchWrite, WriteOutcome, place};
use super::ElasticsearchSearch;
use super::bulk::{Action, Landed, Operation};
use super::document::{self, STUB, StoredIdentity};

type Visit = (ProjectId, SessionId);

/// A document that is to be created.
struct New {
    operation: Operation,
    content_sha256: [u8; 32],
    /// The visit of a batch.
    session: Option<Visit>,
}

impl New {
    fn id(&self) -> &str {
        &self.operation.id
    }

    fn is_of(&self, visits: &HashSet<Visit>) -> bool {
        self.session.as_ref().is_some_and(|visit| visits.contains(visit))
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
            same_content: stored.content_sha256 == hex(&self.content_sha256),
            position: place::parse(&stored.position)?,
        })
    }
}

impl ElasticsearchSearch {
    /// Writes all, in order; the indices from which something was erased are added.
    pub(super) async fn write_all(
        &self,
        writes: &[SearchWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for run in writes.chunk_by(|one, other| kind_of_run(one) == kind_of_run(other)) {
            outcomes.extend(match &run[0] {
                SearchWrite::CreateAudit(_) | SearchWrite::CreateActivity(_) => {
                    self.create(run, erased_from).await?
                }
                SearchWrite::Stub(_) => self.stub(run, erased_from).await?,
                SearchWrite::EraseSession { .. } => self.erase_sessions(run, erased_from).await?,
            });
        }
        Ok(outcomes)
    }

    /// Creates documents. Where an id comes again, it comes in a later round, so that each is tried as if alone.
    async fn create(
        &self,
        writes: &[SearchWrite],
        erased_from: &mut BTreeSet<String>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let news: Vec<New> = writes
            .iter()
            .filter_map(|write| self.new_document(write).transpose())
            .collect::<Result<_, _>>()?;
        for index in news
            .iter()
            .map(|new| &new.operation.index)
            .collect::<BTreeSet<_>>()
        {
            self.ensure_index(index).await?;
        }
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; news.len()];
        for round in rounds(&news) {
            let of_round: Vec<&New> = round.iter().map(|at| &news[*at]).collect();
            for (at, outcome) in round.iter().zip(self.create_round(&of_round).await?) {
                // It may have been found between its creation and its stub.
                if outcome == WriteOutcome::Erased {
                    erased_from.insert(news[*at].operation.index.clone());
                }
                outcomes[*at] = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// Creates documents of different ids.
    async fn create_round(&self, news: &[&New]) -> Result<Vec<WriteOutcome>, SearchError> {
        let sessions: HashSet<Visit> = news.iter().filter_map(|new| new.session.clone()).collect();
        let before = self.erased(&sessions).await?;
        let (gone, open): (Vec<&New>, Vec<&New>) = news.iter().copied().partition(|new| new.is_of(&before));
        // Whoever wrote this range before us may have created them, and died before it saw the marker.
        self.bulk(&stubs(gone)).await?;
        let operations: Vec<Operation> = open.iter().map(|new| new.operation.clone()).collect();
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
        news: &[&New],
        landed: &HashMap<&str, Landed>,
        sessions: &HashSet<Visit>,
    ) -> Result<HashSet<Visit>, SearchError> {
        let late = self.erased(sessions).await?;
        let written = |new: &&&New| landed.get(new.id()) == Some(&Landed::Written) && new.is_of(&late);
        self.bulk(&stubs(news.iter().filter(written).copied())).await?;
        Ok(late)
    }

    /// What was found under ids that were taken: the same record, a repeat, a twin, or a stub.
    async fn compare_with_stored(
        &self,
        news: &[&New],
        outcomes: Vec<Option<WriteOutcome>>,
    ) -> Result<Vec<WriteOutcome>, SearchError> {
        let taken = news
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_none());
        let asked: Vec<(&str, &str)> = taken
            .map(|(new, _)| (new.operation.index.as_str(), new.id()))
            .collect();
        let mut stored = self.identities(&asked).await?.into_iter();
        let settled = news.iter().zip(outcomes).map(|(new, outcome)| match outcome {
            Some(outcome) => Ok(outcome),
            None => new.compare(stored.next().flatten()),
        });
        settled.collect()
    }

    fn new_document(&self, write: &SearchWrite) -> Result<Option<New>, SearchError> {
        let operation = |index, id: DocumentId, body: Vec<u8>| Operation {
            action: Action::Create,
            index,
            id: id.as_str().to_owned(),
            body: body.into(),
        };
        Ok(match write {
            SearchWrite::CreateAudit(of) => Some(New {
                operation: operation(self.names.audit(of.id), of.document_id(), document::audit(of)?),
                content_sha256: of.content_sha256,
                session: None,
            }),
            SearchWrite::CreateActivity(of) => {
                let index = self.names.activity(of.session_id());
                Some(New {
                    operation: operation(index, of.document_id(), document::activity(of)?),
                    content_sha256: of.content_sha256,
                    session: Some((of.batch.project.clone(), of.session_id())),
                })
            }
            SearchWrite::Stub(_) | SearchWrite::EraseSession { .. } => None,
        })
    }
}

/// What takes the ids of documents that must not be.
fn stubs<'a>(news: impl IntoIterator<Item = &'a New>) -> Vec<Operation> {
    let stub = |new: &New| super::erase::stub(new.operation.index.clone(), new.operation.id.clone());
    news.into_iter().map(stub).collect()
}

/// Documents of both kinds are one run.
fn kind_of_run(write: &SearchWrite) -> u8 {
    match write {
        SearchWrite::CreateAudit(_) | SearchWrite::CreateActivity(_) => 0,
        SearchWrite::Stub(_) => 1,
        SearchWrite::EraseSession { .. } => 2,
    }
}

/// Which documents are written together: the first of each id, then the second of each that has one, and so on.
fn rounds(news: &[New]) -> Vec<Vec<usize>> {
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
