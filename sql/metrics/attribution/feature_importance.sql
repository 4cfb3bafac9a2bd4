-- feature_importance: how important a feature is to the model
--
-- defines  value = production's importance of the feature, reference_value = the reference's, to 12
--          significant digits: the mean |attribution| of rows that have one, what a table says (the mean of
--          its rows), or the mutual information with the prediction in nats, as attribution.source tells
-- reads    importances
-- returns  signal; pair; feature; value, reference_value: double in (-inf, inf); n_reference,
--          n_production: rows that told
-- nulls    not counted: an importance is null where no row tells it
-- source   Driftline's own
select
    signal,
    pair,
    feature,
    production as value,
    reference as reference_value,
    n_reference,
    n_production
from importances
order by signal, pair, reference desc nulls last, feature
