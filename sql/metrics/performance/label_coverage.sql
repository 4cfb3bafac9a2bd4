-- label_coverage: share of rows whose actual has arrived
--
-- defines  value = labelled / rows; labelled = rows with an actual that is not null (nor NaN)
-- reads    labels
-- returns  pair; side; value: double in [0, 1], share of rows; n: rows
-- nulls    a null actual is a label that has not arrived; null without rows
-- source   Driftline's own
select
    pair,
    side,
    case when row_count > 0 then labelled / row_count end as value,
    row_count as n
from labels
order by pair, side
