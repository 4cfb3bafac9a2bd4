-- new_column: a column of production that the reference does not have
--
-- defines  a row for each such column, other than those with a role and those that joins bring
-- reads    schema_columns
-- returns  window_id; feature; value: 1, a row a finding; reason: what was found
-- nulls    do not matter; it is about columns
-- source   Driftline's own
select
    window_id,
    feature,
    1.0::double as value,
    production_type || ' in production; the reference has no such column' as reason
from schema_columns
where reference_kind is null and production_kind is not null and not has_job and not joined
order by window_id, feature
