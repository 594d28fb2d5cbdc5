-- Numbers that tell time only (FIRST_CLOCKED in schemas/src/ids.rs) have holes without end: where a frame lacks more
-- numbers than it holds, `seqs_held` names those it holds, and `seqs_missing` is empty.
ALTER TABLE {db}.segments ADD COLUMN IF NOT EXISTS `seqs_held` Array(UInt32) CODEC(ZSTD(1)) AFTER `seqs_missing`;
