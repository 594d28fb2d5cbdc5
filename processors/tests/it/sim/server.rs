//! Requests to the sink: how they get lost, late, half done, refused; and settling, step by step, so that
//! anything can happen between read-back and insert.

use std::sync::Arc;

use hindsight_processors::delivery::lane::Input;
use hindsight_processors::delivery::{RangeName, WriteError};

use super::sinks::{
    Batch, How, Kind, LONGEST_HOLD_UP, LONGEST_REQUEST, OtherContent, Row, expires_at, token,
};
use super::world::{Address, EPOCHS, Event, REQUEST_TIMEOUT, Request, Stage, World};

impl World {
    /// What a lane decided is sent at once, or after the process froze in between: then nothing is looked at again.
    pub(super) fn send(
        &mut self,
        to: Address,
        name: RangeName,
        batch: &Arc<Batch>,
        stage: Stage,
        delay: u64,
    ) {
        if self.now >= self.plan.trouble_until || self.rng.u8(0..50) > 0 {
            return self.request(to, name, batch, stage, delay);
        }
        self.seen.insert("frozen before the send");
        let time = self.rng.u64(1_000..LONGEST_HOLD_UP);
        self.freeze(to.process, time);
        let batch = Arc::clone(batch);
        self.after(
            time,
            Event::Send(Request {
                to: Some(to),
                name,
                batch,
                stage,
            }),
        );
    }

    pub(super) fn on_send(&mut self, request: Request) {
        // A process that died while it was frozen sends nothing.
        let Some(to) = request.to.filter(|to| self.processes.contains_key(&to.process)) else {
            return;
        };
        self.request(to, request.name, &request.batch, request.stage, 1);
    }

    pub(super) fn request(
        &mut self,
        to: Address,
        name: RangeName,
        batch: &Arc<Batch>,
        stage: Stage,
        delay: u64,
    ) {
        self.tell(|| {
            format!(
                "{to:?} {stage:?} {name} {:?}",
                batch.rows.iter().map(|row| row.offset).collect::<Vec<_>>()
            )
        });
        // What is known to be erased isn't sent; a zombie may have looked before.
        let gone = |row: &&Row| !self.sink.erased.contains(&row.session);
        let rows = batch.rows.iter().filter(gone).copied().collect();
        let batch = Arc::new(Batch {
            rows,
            erasures: batch.erasures.clone(),
        });
        self.after(
            delay,
            Event::Request(Request {
                to: Some(to),
                name,
                batch,
                stage,
            }),
        );
    }

    pub(super) fn on_request(&mut self, request: Request) {
        let Some(to) = request.to else {
            // Nobody waits any more, but the server has it.
            let _ = self.execute(&request, How::Whole);
            return;
        };
        match self.chance() {
            0 => self.answer(to, Err(WriteError::Refused("table is read-only".into())), 5),
            1 => self.answer(to, Err(ambiguous("connection refused")), REQUEST_TIMEOUT),
            2 => {
                self.answer(to, Err(ambiguous("timed out")), REQUEST_TIMEOUT);
                let late = self.rng.u64(0..LONGEST_REQUEST);
                self.after(late, Event::Request(Request { to: None, ..request }));
            }
            3 => {
                let _ = self.execute(&request, How::Crashed);
                self.answer(to, Err(ambiguous("connection reset")), 5);
            }
            4 => {
                let _ = self.execute(&request, How::Whole);
                self.answer(to, Err(ambiguous("the answer was lost")), REQUEST_TIMEOUT);
            }
            _ => self.on_request_done(to, request),
        }
    }

    pub(super) fn on_request_done(&mut self, to: Address, request: Request) {
        let delay = self.rng.u64(1..200);
        let outcome = self.execute(&request, How::Whole);
        let stage = request.stage;
        let next = |stage| Event::Request(Request { stage, ..request });
        match (outcome, stage) {
            (Err(OtherContent), _) => {
                // A zombie whose range has lost records to retention since meets what the owner made of the rest.
                self.stopped_loudly |= self.owns(to) || !self.has_expired(&request.name);
                self.seen.insert("other content");
                self.answer(
                    to,
                    Err(WriteError::Refused("the object holds other records".into())),
                    5,
                );
            }
            (Ok(0), _) | (Ok(_), Stage::Write) => self.answer(to, Ok(()), delay),
            (Ok(_), Stage::ReadBack { epoch }) if epoch > EPOCHS => {
                self.answer(to, Err(WriteError::Refused("rows don't stay".into())), delay);
            }
            (Ok(_), Stage::ReadBack { epoch }) => self.after(delay, next(Stage::Insert { epoch })),
            // The quorum has the part.
            (Ok(_), Stage::Insert { .. }) if self.sink.kind == Kind::Replicas => {
                self.answer(to, Ok(()), delay);
            }
            (Ok(_), Stage::Insert { epoch }) => {
                if epoch > 0 {
                    self.seen.insert("token epoch");
                }
                self.after(delay, next(Stage::ReadBack { epoch: epoch + 1 }));
            }
        }
    }

    /// What the server does; answers how many rows are still to be made sure of.
    pub(super) fn execute(&mut self, request: &Request, how: How) -> Result<usize, OtherContent> {
        let Request {
            name, batch, stage, ..
        } = request;
        match *stage {
            Stage::ReadBack { .. } => {
                let past = |row: &Row| expires_at(row.identity) <= self.now;
                if batch.rows.iter().any(past) {
                    self.seen.insert("row past its time");
                }
                let absent = self.sink.read_back(&token(name, 0), &batch.rows)?;
                if absent.is_empty() {
                    // The rows are there; whether the erasures were made nobody knows.
                    self.sink.write(&token(name, 0), &[], batch, How::Whole)?;
                }
                Ok(absent.len())
            }
            Stage::Insert { epoch } => {
                let absent = self.sink.read_back(&token(name, 0), &batch.rows)?;
                self.sink.write(&token(name, epoch), &absent, batch, how)?;
                Ok(absent.len())
            }
            Stage::Write => {
                self.sink.write(&token(name, 0), &batch.rows, batch, how)?;
                Ok(batch.rows.len())
            }
        }
    }

    pub(super) fn answer(&mut self, to: Address, result: Result<(), WriteError>, delay: u64) {
        self.tell(|| format!("{to:?} will hear {result:?}"));
        self.after(delay, Event::Answer(to, Input::Written(result)));
    }
}

fn ambiguous(words: &str) -> WriteError {
    WriteError::Ambiguous(words.to_owned())
}
