{#- joined: what joins bring to the rows of a scan

    A row for each row of the scan, never more: of several rows of a key the newest is joined. A column
    is null where the key matches nothing, which is asked of `hit`: some engines fill in zeros.

    reads    a scan's keys, and of each joined table its keys, clock and the columns asked for
    returns  the columns asked for, and those of the scan that are to stand beside them, by their names
-#}
{% from "macros.sql" import rows_of, our_keys, their_keys, names_of, asked_for with context -%}
{%- macro rows_of_other(join) -%}
select
    1 as hit,
    {{ their_keys(join.keys) | indent(4) }}
    {%- if join.ranked %},
    {{ join.clock }} as moment
    {%- endif %}
    {%- for column in join.columns %},
    {{ column.stored }} as {{ column.value }}
    {%- endfor %}
from {{ join.table }}
{%- endmacro -%}
select
    {%- for column in carried %}
    ours.{{ column.value }} as {{ column.name }},
    {%- endfor %}
    {%- for join in joins %}
    {%- set last = loop.last %}
    {%- for column in join.columns %}
    case when {{ join.name }}.hit = 1 then {{ join.name }}.{{ column.value }} end as {{ column.name }}
    {%- if not (last and loop.last) %},{% endif %}
    {%- endfor %}
    {%- endfor %}
from (
    select
        {%- for column in carried %}
        {{ column.stored }} as {{ column.value }},
        {%- endfor %}
        {%- for join in joins %}
        {%- set last = loop.last %}
        {%- for key in join.keys %}
        {{ key.ours }} as {{ key.own }}{% if not (last and loop.last) %},{% endif %}
        {%- endfor %}
        {%- endfor %}
    {{ rows_of(scan) | indent(4) }}
) as ours
{%- for join in joins %}
left join (
    {%- if join.ranked %}
    select *
    from (
        select
            others.*,
            row_number() over (
                partition by {% for key in join.keys %}others.{{ key.name }}{% if not loop.last %}, {% endif %}{% endfor %}
                order by
                    case when others.moment is null then 1 else 0 end,
                    others.moment desc
                    {%- for column in join.columns %},
                    case when others.{{ column.value }} is null then 1 else 0 end,
                    cast(others.{{ column.value }} as varchar)
                    {%- endfor %}
            ) as place
        from (
            {{ rows_of_other(join) | indent(12) }}
        ) as others
        inner join (
            select {{ names_of(join.keys) }}
            from (
                select
                    {{ our_keys(join.keys) | indent(20) }}
                {{ rows_of(scan) | indent(16) }}
            ) as keyed
            group by {{ names_of(join.keys) }}
        ) as asked
            on {{ asked_for(join.keys) }}
    ) as ranked
    where place = 1
    {%- else %}
    {{ rows_of_other(join) | indent(4) }}
    {%- endif %}
) as {{ join.name }}
    on {% for key in join.keys %}ours.{{ key.own }} = {{ join.name }}.{{ key.name }}{% if not loop.last %} and {% endif %}{% endfor %}
{%- endfor %}
