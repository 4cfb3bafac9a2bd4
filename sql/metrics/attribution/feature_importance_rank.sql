-- feature_importance_rank: place of a feature by its importance
--
-- defines  value = 1 + features that production holds for more important, reference_value = the same of the
--          reference; statistic = value - reference_value: how many places it fell
-- reads    importances
-- returns  signal; pair; feature; value, reference_value: double, 1 for the most important; statistic: double;
--          n_reference, n_production: rows that told
-- nulls    not ranked: a rank is null where no row tells the importance
-- source   Driftline's own
with

ranked as (
    select
        signal,
        pair,
        feature,
        case
            when production is not null
                then rank() over (partition by signal, pair order by production desc nulls last)
        end as place,
        case
            when reference is not null
                then rank() over (partition by signal, pair order by reference desc nulls last)
        end as place_before,
        n_reference,
        n_production
    from importances
)

select
    signal,
    pair,
    feature,
    cast(place as double) as value,
    cast(place_before as double) as reference_value,
    cast(place - place_before as double) as statistic,
    n_reference,
    n_production
from ranked
order by signal, pair, reference_value nulls last, feature
