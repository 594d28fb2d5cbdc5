//! Room for what a body is unpacked to: reserved in the byte budget before it is made, within one limit.

use hindsight_schemas::problem::Refusal;

use crate::admission::Reservation;

/// The room of one body.
pub(super) struct Workspace<'r> {
    reservation: &'r mut Reservation,
    /// What the reservation covered before.
    base: usize,
    made: usize,
    most: usize,
    refusal: Option<Refusal>,
}

impl<'r> Workspace<'r> {
    /// Room for `most` bytes in all.
    pub(super) fn new(reservation: &'r mut Reservation, most: usize) -> Self {
        Self {
            base: reservation.held_bytes(),
            reservation,
            made: 0,
            most,
            refusal: None,
        }
    }

    /// Whether so many more bytes may be made; why not is kept for [`Workspace::refusal`].
    pub(super) fn room(&mut self, bytes: usize) -> bool {
        self.made = self.made.saturating_add(bytes);
        let covered = if self.made > self.most {
            Err(Refusal::over("limits.inflated_bytes", self.most))
        } else {
            self.reservation.cover(self.base + self.made)
        };
        match covered {
            Ok(()) => true,
            Err(refusal) => {
                self.refusal.get_or_insert(refusal);
                false
            }
        }
    }

    /// Why room was refused, if it was.
    pub(super) fn refusal(&mut self) -> Option<Refusal> {
        self.refusal.take()
    }

    /// As [`Workspace::room`], for code that goes no further without.
    pub(super) fn ask(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.room(bytes) {
            return Ok(());
        }
        Err(self
            .refusal()
            .unwrap_or_else(|| Refusal::over("limits.inflated_bytes", self.most)))
    }
}
