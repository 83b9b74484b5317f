"""Indexes for searching: names by two characters in any kind of kana, numbers and addresses by three.

``shop_pieces`` cuts a text into its overlapping pairs of characters, blanks left out, widths and kana folded. It is
immutable, so that the database itself keeps the indexes right, whatever writes a row; its cost (about 50 µs a call) is
told, so that the planner asks the index and not every row.
"""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

FUNCTION = """
CREATE FUNCTION shop_pieces(written text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 2000 AS $$
  SELECT coalesce(array_agg(DISTINCT substr(plain, at, 2)), '{}')
  FROM (SELECT regexp_replace(translate(lower(normalize(written, NFKC)),
    'ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねのはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれろゎわゐゑをんゔゕゖ',
    'ァアィイゥウェエォオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂッツヅテデトドナニヌネノハバパヒビピフブプヘベペホボポマミムメモャヤュユョヨラリルレロヮワヰヱヲンヴヵヶ'
  ), '\\s', '', 'g') AS plain) AS folded, generate_series(1, char_length(plain) - 1) AS at
$$
"""

INDEXES = [
    ("customer_pieces", "shop_customer USING gin (shop_pieces(name || name_kana))"),
    ("customer_phone_part", "shop_customer USING gin (phone gin_trgm_ops)"),
    ("customer_address_part", "shop_customeraddress USING gin (address gin_trgm_ops)"),
    ("order_pieces", "shop_order USING gin (shop_pieces(name))"),
    ("order_parts", "shop_order USING gin (lower(number || ' ' || email || ' ' || phone) gin_trgm_ops)"),
]


class Migration(migrations.Migration):
    dependencies = [("shop", "0006_desk_rules_of_a_store")]
    operations = [
        TrigramExtension(),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION shop_pieces(text)"),
        *[migrations.RunSQL(f"CREATE INDEX {name} ON {what}", f"DROP INDEX {name}") for name, what in INDEXES],
    ]
