-- normalized_discounted_cumulative_gain: how well production's order of importance is the reference's
--
-- defines  value = DCG / IDCG, DCG = sum over features of reference importance / log2(r + 1), r = place by
--          production's importance, the mean over the places of features alike; IDCG = the same with r by
--          the reference's own importance. All features; importances to 12 significant digits.
--          reference_value = that of a random order, mean importance * sum of 1 / log2(r + 1) / IDCG
-- reads    importances
-- returns  signal; pair; value, reference_value: double in [0, 1], 1 when the order is the same; n_reference,
--          n_production: most rows that told a feature's importance
-- nulls    without a value unless both sides tell the importance of the same two features or more, none of
--          them negative, and not all of a side zero
-- source   Järvelin and Kekäläinen (2002), doi:10.1145/582415.582418; scikit-learn, ndcg_score
with

placed as (
    select
        signal,
        pair,
        reference,
        production,
        row_number() over (partition by signal, pair order by reference desc, feature) as ideal,
        row_number() over (partition by signal, pair order by production desc, feature) as place,
        n_reference,
        n_production
    from importances
),

discounted as (
    select
        signal,
        pair,
        reference,
        production,
        ideal,
        place,
        1 / log2(ideal + 1) as ideal_discount,
        avg(1 / log2(place + 1)) over (partition by signal, pair, production) as discount,
        n_reference,
        n_production
    from placed
),

sums as (
    select
        signal,
        pair,
        count(*) > 1 and count(reference) = count(*) and count(production) = count(*)
        and min(reference) >= 0 and min(production) >= 0
        and max(reference) > 0 and max(production) > 0 as computable,
        fsum(reference * discount order by place) as gain,
        fsum(reference * ideal_discount order by ideal) as ideal_gain,
        fsum(reference order by ideal) / count(*) * fsum(ideal_discount order by ideal) as random_gain,
        max(n_reference) as n_reference,
        max(n_production) as n_production
    from discounted
    group by signal, pair
)

select
    signal,
    pair,
    case when computable then least(gain / ideal_gain, 1) end as value,
    case when computable then least(random_gain / ideal_gain, 1) end as reference_value,
    n_reference,
    n_production
from sums
order by signal, pair
