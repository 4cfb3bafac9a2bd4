{#- Pieces that relations share. Every value arrives through the typed door; nothing here is quoted. -#}

{#- What a row is counted by: its step and, where the scan is told apart, its cell. -#}
{%- macro window_key(scan) -%}
{%- if scan.width == 1 -%}
{{ step_key(scan) }}
{%- else -%}
({{ step_key(scan) }}) * {{ scan.width }} + {{ scan.cell }}
{%- endif -%}
{%- endmacro -%}

{#- The step of a row: the windows cut where any of them starts or ends. Equal steps are counted off;
    others are found by halving. -#}
{%- macro step_key(scan) -%}
{%- if scan.steps | length == 1 -%}
{{ scan.steps[0].id }}
{%- elif scan.even is not none -%}
cast(floor((cast(extract(epoch from {{ scan.clock }}) as double) - {{ scan.even[0] }}) / {{ scan.even[1] }}) as integer)
{%- else -%}
{{ halved(scan, 0, scan.steps | length) }}
{%- endif -%}
{%- endmacro -%}

{#- Which windows and segments each key of each scan is of, where windows overlap or lie apart, and where
    rows are told apart. -#}
{%- macro placed_steps(scans) -%}
(values {% for scan in scans %}{% set last = loop.last %}{% for key, window, segment in scan.places %}({{ scan.id }}, {{ key }}, {{ window }}, {{ segment }}){% if not (last and loop.last) %}, {% endif %}{% endfor %}{% endfor %}) as placed(scan, step, window_id, segment)
{%- endmacro -%}

{%- macro halved(scan, first, last) -%}
{%- if last - first == 1 -%}
{{ scan.steps[first].id }}
{%- else -%}
{%- set middle = (first + last) // 2 -%}
case when {{ scan.clock }} < {{ scan.steps[middle].start | instant(scan) }} then {{ halved(scan, first, middle) }} else {{ halved(scan, middle, last) }} end
{%- endif -%}
{%- endmacro -%}

{#- A row of one scan's relation, counted by its key where that is put to windows and segments. -#}
{%- macro key_of(scan) -%}
{{ window_key(scan) }} as {{ key_name(scan) }}
{%- endmacro -%}

{%- macro key_name(scan) -%}
{% if scan.placed %}step{% else %}window_id{% endif %}
{%- endmacro -%}

{#- The window and segment that such rows are of, as columns, as a join and as what they are grouped by. -#}
{%- macro window_of(scan) -%}
{% if scan.placed %}placed.window_id,
placed.segment{% else %}window_id,
'__all__' as segment{% endif %}
{%- endmacro -%}

{%- macro put_to_windows(scan) -%}
{% if scan.placed %}

inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
{%- endmacro -%}

{%- macro by_window(scan) -%}
{% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}
{%- endmacro -%}

{#- The keys of counted rows. One that all rows of a scan share is not grouped by: engines would hash it
    with every row. -#}
{%- macro keys_of(scan, told=true) -%}
{% if not scan.several %}{{ window_key(scan) }} as {% endif %}window_id
{%- if told %},
'__all__' as segment
{%- endif %}
{%- endmacro -%}

{%- macro grouped_by(scan) -%}
{% if scan.several %}window_id, {% endif %}
{%- endmacro -%}

{%- macro rows_of(scan) -%}
from {{ scan.table }}
{%- if scan.clock is not none %}
where ({% if scan.start is not none %}{{ scan.clock }} >= {{ scan.start | instant(scan) }} and {% endif %}{{ scan.clock }} < {{ scan.end | instant(scan) }})
{%- if scan.parts %}
    and ({% for start, end in scan.parts %}({{ scan.clock }} >= {{ start | instant(scan) }} and {{ scan.clock }} < {{ end | instant(scan) }}){% if not loop.last %} or {% endif %}{% endfor %})
{%- endif %}
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

{#- What is made of x as a whole number; null where x, and so this, is not finite. -#}
{%- macro whole(column, made) -%}
{% if column.floating %}try_{% endif %}cast({{ made }} as {{ caller() }})
{%- endmacro -%}

{#- The sum of what is at most 1 in size, as whole numbers that any order of rows sums alike: times 2^61,
    and what that leaves times 2^52. -#}
{%- macro limbs(made, name) -%}
cast(sum(try_cast(floor({{ made | said }} * {{ wide }}) as bigint)) as double) as {{ name | said }},
    cast(sum(try_cast(floor(({{ made | said }} * {{ wide }} - floor({{ made | said }} * {{ wide }})) * {{ rest }}) as bigint)) as double) as {{ name | said }}_rest
{%- endmacro -%}

{#- What is made of a finite x, a whole number, or the code of why there is none, counted on from another
    number; of null, null.
    Only rows without a number are asked why, and nothing that a column does not need. The answers are the
    same on every engine, whatever it thinks of NaN = NaN: only -inf is below every number. -#}
{%- macro made_of(column, made, from=0) -%}
{%- set kind = caller() -%}
{%- if column.floating or column.fallible -%}
coalesce({% call whole(column, made) %}{{ kind }}{% endcall %}, cast(case
    {%- if column.fallible %}
    when x is null and stored is not null then {{ codes.type_error + from }}
    {%- endif %}
    {%- if column.floating %}
    when x - x <> 0 then case
        when -x < {{ -largest }} then {{ codes.positive_infinity + from }}
        when x < {{ -largest }} then {{ codes.negative_infinity + from }}
        else {{ codes.nan + from }}
    end
    {%- endif %}
end as {{ kind }}))
{%- else -%}
{% call whole(column, made) %}{{ kind }}{% endcall %}
{%- endif -%}
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

{#- The bins that are asked for as rows. DuckDB plans thousands of VALUES as long as it runs the rest: it
    takes them as a list that is one text. -#}
{%- macro undecided_bins(column) -%}
{%- if is_duckdb -%}
(select unnest({{ column.listed }}) as bin) as undecided
{%- else -%}
(values {{ column.asked }}) as undecided(bin)
{%- endif -%}
{%- endmacro -%}
