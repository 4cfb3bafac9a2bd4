-- type_changed: a watched column whose type is not of the kind it is in the reference
--
-- defines  a row for each column that is, say, a float where the reference has integers; widths and
--          precisions do not matter
-- reads    schema_columns
-- returns  window_id; feature; value: 1, a row a finding; reason: what was found
-- nulls    do not matter; it is about columns
-- source   Driftline's own
select
    window_id,
    feature,
    1.0::double as value,
    reference_type || ' in the reference, ' || production_type || ' in production' as reason
from schema_columns
where watched and reference_kind is not null and production_kind <> reference_kind
order by window_id, feature
