-- quantiles: five quantiles of each side's finite numbers, the smallest value v with F(v) >= share
--
-- reads    cells
-- returns  scan, window_id, segment, feature; p05, p25, p50, p75, p95
with

totals as (
    select
        scan,
        window_id,
        segment,
        feature,
        max(below) as all_rows
    from cells
    group by all
)

select
    scan,
    window_id,
    segment,
    feature,
    min(case when below * 100 >= all_rows * 5 then low end) as p05,
    min(case when below * 100 >= all_rows * 25 then low end) as p25,
    min(case when below * 100 >= all_rows * 50 then low end) as p50,
    min(case when below * 100 >= all_rows * 75 then low end) as p75,
    min(case when below * 100 >= all_rows * 95 then low end) as p95
from cells
inner join totals using (scan, window_id, segment, feature)
group by all
