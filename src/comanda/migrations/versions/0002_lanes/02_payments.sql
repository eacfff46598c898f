ALTER TABLE payments.payments ADD COLUMN trace text;

ALTER TABLE payments.refunds ADD COLUMN trace text;
