-- Tables that no dashboard reads: what Driftline keeps for itself. Their names begin with `_`, they
-- are never published, and they are made where they are missing.

-- key: monitor, signal, window_start, window_end, reference, segment, feature, metric
create table if not exists _grounds (
    monitor text not null,
    signal text not null,
    window_start timestamp not null,
    window_end timestamp not null,
    reference text not null,
    segment text not null,
    feature text not null,
    metric text not null,
    run_id text not null,
    reason text,
    failed boolean not null,
    has_p boolean not null,
    why_no_p text,
    by_chance double
);

comment on table _grounds is
    'One row per row of metrics: what judging it again takes beside its own columns';
comment on column _grounds.monitor is 'Name of the monitor';
comment on column _grounds.signal is 'Signal the metric belongs to';
comment on column _grounds.window_start is 'Start of the production window, UTC, inclusive';
comment on column _grounds.window_end is 'End of the production window, UTC, exclusive';
comment on column _grounds.reference is 'Name of the reference compared with; __all__ is none';
comment on column _grounds.segment is 'Part of the population; __all__ is everyone';
comment on column _grounds.feature is 'Watched column; __all__ is the whole dataset';
comment on column _grounds.metric is 'Name of the metric';
comment on column _grounds.run_id is 'Run that wrote the row';
comment on column _grounds.reason is
    'Why there is no value, or what was left out of it, whatever the thresholds';
comment on column _grounds.failed is 'Whether the column or its statement failed';
comment on column _grounds.has_p is 'Whether a probability is defined for it, computed or not';
comment on column _grounds.why_no_p is 'Why there is no probability where one is defined';
comment on column _grounds.by_chance is
    'What 95 % of samples without drift stay below, in the unit of value';

-- key: monitor, reference, feature
create table if not exists _baselines (
    monitor text not null,
    reference text not null,
    feature text not null,
    rows_key text not null,
    fingerprint text not null,
    reference_id text not null,
    built_at timestamp not null,
    row_count bigint not null,
    content blob
);

comment on table _baselines is
    'One row per column of a reference, and one for the whole: what its rows amount to';
comment on column _baselines.monitor is 'Name of the monitor';
comment on column _baselines.reference is 'Name of the reference';
comment on column _baselines.feature is 'The column; __all__ is the reference as a whole';
comment on column _baselines.rows_key is 'Hash of what decides its rows: source, window, filter';
comment on column _baselines.fingerprint is 'Hash of the paths, sizes and times of its files';
comment on column _baselines.reference_id is 'What results call the reference';
comment on column _baselines.built_at is 'When it was built, UTC';
comment on column _baselines.row_count is 'Rows of the reference';
comment on column _baselines.content is 'Counted cells, categories and counts of the column, packed';

-- key: monitor, window_start, window_end, feature
create table if not exists _counted (
    monitor text not null,
    window_start timestamp not null,
    window_end timestamp not null,
    feature text not null,
    rows_key text not null,
    row_count bigint not null,
    counted_at timestamp not null,
    counted blob
);

comment on table _counted is
    'One row per column of a window of production, and one for the whole: references are added up from it';
comment on column _counted.monitor is 'Name of the monitor';
comment on column _counted.window_start is 'Start of the production window, UTC, inclusive';
comment on column _counted.window_end is 'End of the production window, UTC, exclusive';
comment on column _counted.feature is 'The column; __all__ is the window as a whole';
comment on column _counted.rows_key is 'Hash of what decides its rows: source, filter, timestamp';
comment on column _counted.row_count is 'Rows of the window';
comment on column _counted.counted_at is 'When they were counted, UTC';
comment on column _counted.counted is 'Counted cells, categories and counts of the column, packed';

-- key: alert_id, action
create table if not exists _decisions (
    alert_id text not null,
    action text not null,
    monitor text not null,
    window_end timestamp not null,
    decided_at timestamp not null,
    decided_by text not null
);

comment on table _decisions is 'One row per thing that a person said of an incident';
comment on column _decisions.alert_id is 'The incident';
comment on column _decisions.action is 'ack or close';
comment on column _decisions.monitor is 'Name of the monitor';
comment on column _decisions.window_end is 'End of the newest window then, UTC';
comment on column _decisions.decided_at is 'When it was said, UTC';
comment on column _decisions.decided_by is 'Who said it';

-- key: alert_id, event, window_end
create table if not exists _told (
    alert_id text not null,
    event text not null,
    window_end timestamp not null,
    monitor text not null,
    message_id text
);

comment on table _told is 'One row per thing that happened to an incident and was told, or is history';
comment on column _told.alert_id is 'The incident';
comment on column _told.event is 'opened, worsened, reminder or closed';
comment on column _told.window_end is 'End of the window that showed it, UTC';
comment on column _told.monitor is 'Name of the monitor';
comment on column _told.message_id is 'The message it is told in; null where nobody was told';

-- key: monitor, feature
create table if not exists _mutes (
    monitor text not null,
    feature text not null,
    muted_until timestamp not null,
    reason text not null,
    muted_at timestamp not null,
    muted_by text not null
);

comment on table _mutes is 'One row per feature of which nobody is told for a time';
comment on column _mutes.monitor is 'Name of the monitor';
comment on column _mutes.feature is 'The feature; __all__ is everything of the monitor';
comment on column _mutes.muted_until is 'Until when, UTC';
comment on column _mutes.reason is 'Why';
comment on column _mutes.muted_at is 'Since when, UTC';
comment on column _mutes.muted_by is 'Who muted it';

-- key: monitor, slot
create table if not exists _slots (
    monitor text not null,
    slot timestamp not null,
    holder text not null,
    held_until timestamp not null,
    finished_at timestamp,
    run_id text
);

comment on table _slots is 'One row per moment of a schedule that a scheduler has taken on';
comment on column _slots.monitor is 'Name of the monitor';
comment on column _slots.slot is 'The moment, UTC';
comment on column _slots.holder is 'Who runs it';
comment on column _slots.held_until is 'When another may take it on, unless it is finished; UTC';
comment on column _slots.finished_at is 'When it was finished, UTC; null until then';
comment on column _slots.run_id is 'The run that finished it';

-- key: message_id, channel
create table if not exists _outbox (
    message_id text not null,
    channel text not null,
    monitor text not null,
    event text not null,
    body text not null,
    created_at timestamp not null,
    attempts bigint not null,
    next_attempt_at timestamp,
    claimed_until timestamp,
    sent_at timestamp,
    last_error text
);

comment on table _outbox is
    'One row per message and channel: what was sent, and what waits to be';
comment on column _outbox.message_id is 'The idempotency key: the same whenever the same is told';
comment on column _outbox.channel is 'Name of the notification it goes to';
comment on column _outbox.monitor is 'Name of the monitor it is about';
comment on column _outbox.event is 'What happened: opened, reminder, worsened, closed, test, digest';
comment on column _outbox.body is 'The message as JSON, without secrets';
comment on column _outbox.created_at is 'When it was made, UTC';
comment on column _outbox.attempts is 'How often it was tried to be sent';
comment on column _outbox.next_attempt_at is
    'Before it, it is not tried, UTC; null where it is not tried again';
comment on column _outbox.claimed_until is 'Until then whoever sends it has it, UTC';
comment on column _outbox.sent_at is 'When the channel took it, UTC';
comment on column _outbox.last_error is 'Why it could not be sent the last time';

-- key: note_id
create table if not exists _notes (
    note_id text not null,
    monitor text not null,
    noted_for timestamp not null,
    note text not null,
    noted_at timestamp not null,
    noted_by text not null
);

comment on table _notes is 'One row per thing that somebody wants to be known of a time';
comment on column _notes.note_id is 'Identifies the note';
comment on column _notes.monitor is 'Name of the monitor';
comment on column _notes.noted_for is 'The moment that it is about, UTC';
comment on column _notes.note is 'What it says';
comment on column _notes.noted_at is 'When it was written, UTC';
comment on column _notes.noted_by is 'Who wrote it';
