-- match_rate: share of rows for which a join found a row
--
-- defines  value = rows of the window whose key the joined table has / rows of the window
-- reads    matches
-- returns  match; value: double in [0, 1]; n_production: rows of the window; repeated: keys that have
--          several rows in the joined table; surplus: those rows beyond the first of each key
-- nulls    a key that is null, or null in part, matches nothing
-- source   Driftline's own
select
    match,
    sum(matched) / nullif(sum(row_count), 0) as value,
    sum(row_count) as n_production,
    sum(repeated) as repeated,
    sum(surplus) as surplus
from matches
group by match
order by match
