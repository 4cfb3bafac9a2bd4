-- steps: both sides' numbers cell by cell, in order; the raw material of D and W1
--
-- reads    cells, histogram, ties (their infinities), members, numbered, centres
-- returns  comparison; feature; bin (null for a single value); low, high of the cell; n_reference,
--          n_production; below_reference, below_production: rows up to the cell's end;
--          room_reference, room_production: sums of high - x over the cell's rows, 0 for a single
--          value; next_low: where the next cell begins. Infinities are the first and last step
with

infinities as (
    select
        scan,
        window_id,
        segment,
        feature,
        case when bin = -4 then '-infinity'::double else 'infinity'::double end as low,
        sum(n) as n
    from (
        select scan, window_id, segment, feature, bin, n from histogram where bin in (-4, -5)
        union all
        select scan, window_id, segment, feature, bin, n from ties where bin in (-4, -5)
    ) as coded
    group by all
),

ordered as (
    select scan, window_id, segment, feature, bin, low, high, n, total from cells
    union all
    select scan, window_id, segment, feature, null, low, low, n, 0 from infinities
),

paired as (
    select
        members.pair,
        ordered.feature,
        ordered.bin,
        min(ordered.low) as low,
        max(ordered.high) as high,
        sum(case when members.side = 'reference' then n else 0 end)::double as n_reference,
        sum(case when members.side = 'production' then n else 0 end)::double as n_production,
        sum(case when members.side = 'reference' then total else 0 end) as total_reference,
        sum(case when members.side = 'production' then total else 0 end) as total_production
    from ordered
    inner join members
        on members.scan = ordered.scan
        and members.window_id = ordered.window_id
        and members.segment = ordered.segment
    group by
        members.pair,
        ordered.feature,
        ordered.bin,
        case when ordered.bin is null then ordered.low end
)

select
    numbered.comparison,
    paired.feature,
    paired.bin,
    paired.low,
    paired.high,
    paired.n_reference,
    paired.n_production,
    sum(paired.n_reference) over so_far as below_reference,
    sum(paired.n_production) over so_far as below_production,
    case when paired.bin is null then 0
        else paired.n_reference * (paired.high - centres.centre) - paired.total_reference
    end as room_reference,
    case when paired.bin is null then 0
        else paired.n_production * (paired.high - centres.centre) - paired.total_production
    end as room_production,
    lead(paired.low) over (partition by numbered.comparison order by paired.low) as next_low
from paired
inner join numbered
    on numbered.pair = paired.pair and numbered.feature = paired.feature
inner join centres
    on centres.feature = paired.feature
window so_far as (
    partition by numbered.comparison
    order by paired.low
    rows unbounded preceding
)
