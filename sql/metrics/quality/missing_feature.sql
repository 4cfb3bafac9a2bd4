-- missing_feature: a feature that production no longer has
--
-- defines  a row for each feature that the project file lists, or that production had in a stored window
--          before this one, and that production lacks now
-- reads    schema_columns
-- returns  window_id; feature; value: 1, a row a finding; reason: what was found
-- nulls    do not matter; it is about columns
-- source   Driftline's own
select
    window_id,
    feature,
    1.0::double as value,
    case
        when stored_before then 'production had this column before, and has it no more'
        else 'the project file lists this column, and production does not have it'
    end as reason
from schema_columns
where watched and production_kind is null and (listed or stored_before)
order by window_id, feature
