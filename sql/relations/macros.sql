{#- Pieces that relations share. Every value arrives through the typed door; nothing here is quoted. -#}

{%- macro window_key(scan) -%}
{%- if scan.windows | length == 1 -%}
{{ scan.windows[0].id }}
{%- else -%}
case {% for window in scan.windows %}when {{ inside(scan, window) }} then {{ window.id }} {% endfor %}end
{%- endif -%}
{%- endmacro -%}

{%- macro inside(scan, window) -%}
{%- if window.start is not none -%}
{{ scan.clock }} >= {{ window.start | instant(scan) }} and {{ scan.clock }} < {{ window.end | instant(scan) }}
{%- else -%}
{{ scan.clock }} < {{ window.end | instant(scan) }}
{%- endif -%}
{%- endmacro -%}

{%- macro rows_of(scan) -%}
from {{ scan.table }}
{%- if scan.clock is not none %}
where ({% for window in scan.windows %}{{ inside(scan, window) }}{% if not loop.last %} or {% endif %}{% endfor %})
{%- endif %}
{%- if scan.filter is not none %}
{% if scan.clock is none %}where{% else %}    and{% endif %} ({{ scan.filter }})
{%- endif -%}
{%- endmacro -%}

{#- Keys of a join. Null equals nothing, so a key that is null in part has no twin. -#}
{%- macro our_keys(keys) -%}
{%- for key in keys -%}
{{ key.ours }} as {{ key.name }}{% if not loop.last %},
{% endif -%}
{%- endfor -%}
{%- endmacro -%}

{%- macro their_keys(keys) -%}
{%- for key in keys -%}
{{ key.theirs }} as {{ key.name }}{% if not loop.last %},
{% endif -%}
{%- endfor -%}
{%- endmacro -%}

{%- macro names_of(keys) -%}
{%- for key in keys -%}{{ key.name }}{% if not loop.last %}, {% endif %}{%- endfor -%}
{%- endmacro -%}

{%- macro asked_for(keys) -%}
{%- for key in keys -%}
asked.{{ key.name }} = others.{{ key.name }}{% if not loop.last %} and {% endif -%}
{%- endfor -%}
{%- endmacro -%}

{#- Codes below zero say why a row has no finite number. The order of the tests gives the same answer on
    every engine, whatever it thinks of NaN = NaN: only -inf is below every number. -#}
{%- macro unless_finite(column) -%}
when stored is null then {{ codes.null }}
            {%- if column.floating %}
            when x is null then {{ codes.type_error }}
            when -x < {{ -largest }} then {{ codes.positive_infinity }}
            when x < {{ -largest }} then {{ codes.negative_infinity }}
            else {{ codes.nan }}
            {%- else %}
            else {{ codes.type_error }}
            {%- endif %}
{%- endmacro -%}

{#- One branch a column. Engines plan a long chain of UNION ALL in quadratic time: branches are taken in
    groups, which a statement of few columns does not need. -#}
{%- macro union_of(columns) -%}
{%- set grouped = columns | length > 24 -%}
{%- for group in (columns | batch(20) if grouped else [columns]) -%}
{%- if grouped %}select * from (
{% endif -%}
{%- for column in group -%}
{{ caller(column) }}
{%- if not loop.last %}
union all
{% endif -%}
{%- endfor -%}
{%- if grouped %}
) as group_{{ loop.index0 }}
{%- endif -%}
{%- if grouped and not loop.last %}
union all
{% endif -%}
{%- endfor -%}
{%- endmacro -%}
