-- places: one row a cell of a feature, in order, shared by every scan, window and segment
--
-- reads    cells
-- returns  feature, bin, low, high over all scans; is_value: a single value; monotone: false when
--          the cell before reaches into it, which a fine grid must never let happen
select
    feature,
    bin,
    min(low) as low,
    max(high) as high,
    min(low) = max(high) as is_value,
    min(low) > lag(max(high), 1, '-infinity'::double) over (
        partition by feature
        order by coalesce(bin, 0), min(low)
    ) or bin is null as monotone
from cells
group by feature, bin, case when bin is null then low end
