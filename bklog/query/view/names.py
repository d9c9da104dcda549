"""What a statement may name: words of the grammar, functions, types. All else is refused, also what a later engine adds.

Functions that are here read their arguments and nothing else: no files, addresses, dictionaries, other tables, settings, no
waiting, no memory that grows with a number in the text.
"""

from __future__ import annotations

from typing import Final

VIEW: Final = "logs"
COLUMNS: Final = ("time", "host", "path", "stream", "level", "log", "parse_error", "fields")

# Words that may stand before a bracket without being a function.
STRUCTURE: Final = frozenset((
    "SELECT", "DISTINCT", "FROM", "WHERE", "HAVING", "QUALIFY", "BY", "AS", "ON", "USING", "AND", "OR", "NOT", "IN",
    "LIKE", "ILIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "OVER", "ALL", "UNION", "INTERSECT", "EXCEPT", "EXISTS",
    "JOIN", "INTERVAL", "LIMIT", "OFFSET", "WITH", "IS",
))  # fmt: skip
# Words that end what stands after FROM.
AFTER_FROM: Final = frozenset((
    "WHERE", "GROUP", "ORDER", "HAVING", "QUALIFY", "LIMIT", "OFFSET", "FETCH", "WINDOW", "UNION", "INTERSECT",
    "EXCEPT", "SELECT",
))  # fmt: skip
# Words after a table's name that are no alias of it.
AFTER_TABLE: Final = AFTER_FROM | {
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "ANTI",
    "SEMI",
    "ANY",
    "ALL",
    "ON",
    "USING",
}
REFUSED: Final = frozenset((
    "SETTINGS", "FORMAT", "INTO", "OUTFILE", "INFILE", "INSERT", "UPDATE", "DELETE", "ALTER", "CREATE", "DROP",
    "TRUNCATE", "ATTACH", "DETACH", "GRANT", "REVOKE", "SYSTEM", "KILL", "OPTIMIZE", "RENAME", "EXCHANGE", "BACKUP",
    "RESTORE", "EXPLAIN", "DESCRIBE", "SHOW", "SET", "USE", "CHECK", "WATCH", "EXECUTE", "CALL", "COPY", "MOVE",
    "BEGIN", "COMMIT", "ROLLBACK", "UNDROP", "PARALLEL", "FINAL", "SAMPLE", "PREWHERE", "ARRAY", "GLOBAL", "TABLE",
    "VALUES", "PASTE", "ASOF", "LATERAL", "RECURSIVE", "TOTALS", "ROLLUP", "CUBE", "GROUPING", "FILL", "INTERPOLATE",
    "APPLY", "TRANSFORM", "COLUMNS", "DATABASE", "DICTIONARY", "VIEW", "MATERIALIZED", "TEMPORARY", "FUNCTION",
    "IMPORT", "EXPORT", "LOAD", "INSTALL", "PIVOT", "UNPIVOT",
))  # fmt: skip
TYPES: Final = frozenset((
    "nullable", "lowcardinality", "array", "tuple", "map", "decimal", "decimal32", "decimal64", "decimal128",
    "datetime64", "datetime", "fixedstring", "string", "int64", "uint64", "float64",
))  # fmt: skip
_AGGREGATES: Final = frozenset((
    "count", "sum", "avg", "min", "max", "any", "anylast", "argmin", "argmax", "uniq", "uniqexact", "uniqcombined",
    "uniqhll12", "median", "medianexact", "quantile", "quantiles", "quantileexact", "quantilesexact", "quantiletdigest",
    "quantilestdigest", "stddevpop", "stddevsamp", "varpop", "varsamp", "covarpop", "covarsamp", "corr", "topk",
    "grouparray", "groupuniqarray", "groupbitand", "groupbitor", "groupbitxor", "sumkahan", "skewpop", "skewsamp",
    "kurtpop", "kurtsamp", "entropy", "simplelinearregression", "maxintersections", "boundingratio", "deltasum",
    "first_value", "last_value",
))  # fmt: skip
_WINDOW: Final = frozenset((
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead", "nth_value", "laginframe",
    "leadinframe", "nonnegativederivative",
))  # fmt: skip
_VALUES: Final = frozenset((
    # conditions, numbers
    "if", "multiif", "ifnull", "nullif", "coalesce", "isnull", "isnotnull", "assumenotnull", "tonullable", "isfinite",
    "isinfinite", "isnan", "ifnotfinite", "greatest", "least", "abs", "round", "floor", "ceil", "ceiling", "trunc",
    "truncate", "sign", "sqrt", "cbrt", "exp", "exp2", "exp10", "log", "ln", "log2", "log10", "log1p", "pow", "power",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "pi", "e", "gcd", "lcm", "intdiv", "intdivorzero", "mod",
    "modulo", "positivemodulo", "bitand", "bitor", "bitxor", "bitnot", "bitshiftleft", "bitshiftright", "bittest",
    "bitcount", "widthbucket", "rounddown", "plus", "minus", "multiply", "divide", "negate", "equals", "notequals",
    "less", "greater", "lessorequals", "greaterorequals", "and", "or", "not", "xor",
    # conversions
    "cast", "accuratecast", "accuratecastornull", "tostring", "toint8", "toint16", "toint32", "toint64", "toint128",
    "touint8", "touint16", "touint32", "touint64", "tofloat32", "tofloat64", "todecimal64", "tobool", "toint64ornull",
    "toint64orzero", "touint64ornull", "touint64orzero", "tofloat64ornull", "tofloat64orzero", "toint32ornull",
    "toint32orzero", "todecimal64ornull", "totypename", "touuid", "touuidornull",
    # times
    "todate", "todate32", "todatetime", "todatetime64", "todateornull", "todatetimeornull", "todatetime64ornull",
    "parsedatetimebesteffort", "parsedatetimebesteffortornull", "parsedatetime64besteffort",
    "parsedatetime64besteffortornull", "now", "now64", "today", "yesterday", "toyear", "toquarter", "tomonth",
    "todayofmonth", "todayofweek", "todayofyear", "tohour", "tominute", "tosecond", "tomillisecond", "tounixtimestamp",
    "tounixtimestamp64milli", "tounixtimestamp64micro", "tounixtimestamp64nano", "fromunixtimestamp",
    "fromunixtimestamp64milli", "fromunixtimestamp64micro", "fromunixtimestamp64nano", "tostartofyear",
    "tostartofquarter", "tostartofmonth", "tostartofweek", "tostartofday", "tostartofhour", "tostartofminute",
    "tostartofsecond", "tostartoffiveminutes", "tostartoftenminutes", "tostartoffifteenminutes", "tostartofinterval",
    "tomonday", "totimezone", "timezoneof", "datediff", "age", "addseconds", "addminutes",
    "addhours", "adddays", "addweeks", "addmonths", "addyears", "subtractseconds", "subtractminutes", "subtracthours",
    "subtractdays", "subtractweeks", "subtractmonths", "subtractyears", "formatdatetime", "datename", "date_trunc",
    "datetrunc", "toyyyymm", "toyyyymmdd", "toyyyymmddhhmmss", "tointervalsecond", "tointervalminute", "tointervalhour",
    "tointervalday", "tointervalweek", "tointervalmonth", "tointervalquarter", "tointervalyear",
    "tointervalmillisecond", "tointervalmicrosecond", "tointervalnanosecond",
    # texts
    "length", "lengthutf8", "char_length", "empty", "notempty", "lower", "upper", "lowerutf8", "upperutf8", "substring",
    "substr", "substringutf8", "left", "right", "leftutf8", "rightutf8", "trim", "ltrim", "rtrim", "trimboth",
    "trimleft", "trimright", "concat", "concatwithseparator", "reverse", "reverseutf8", "startswith", "endswith",
    "position", "positionutf8", "positioncaseinsensitive", "positioncaseinsensitiveutf8", "locate", "countsubstrings",
    "countsubstringscaseinsensitive", "hastoken", "hastokencaseinsensitive", "match", "like", "ilike", "notlike",
    "notilike", "multisearchany", "multisearchfirstindex", "extract", "extractall", "extractgroups", "regexpextract",
    "countmatches", "replace", "replaceone", "replaceall", "replaceregexpone", "replaceregexpall", "splitbychar",
    "splitbystring", "splitbyregexp", "splitbywhitespace", "splitbynonalpha", "alphatokens", "tokens",
    "arraystringconcat", "base64encode", "base64decode", "trybase64decode", "hex", "unhex", "isvalidutf8",
    "tovalidutf8", "ascii", "char", "soundex", "levenshteindistance", "editdistance", "ngramdistance", "domain",
    "domainwithoutwww", "topleveldomain", "protocol", "path", "pathfull", "querystring", "fragment", "port",
    "extracturlparameter", "cuttofirstsignificantsubdomain", "decodeurlcomponent", "encodeurlcomponent",
    "formatreadablesize", "formatreadabletimedelta", "formatreadablequantity", "initcap", "translate",
    # JSON, arrays, tuples, maps
    "jsonhas", "jsonlength", "jsontype", "jsonextract", "jsonextractstring", "jsonextractint", "jsonextractuint",
    "jsonextractfloat", "jsonextractbool", "jsonextractraw", "jsonextractkeys", "jsonextractarrayraw", "isvalidjson",
    "simplejsonextractstring", "simplejsonextractint", "tojsonstring", "jsonallpaths", "jsonallpathswithtypes",
    "dynamictype", "dynamicelement", "array", "arrayelement", "tuple", "tupleelement", "map", "mapkeys", "mapvalues",
    "mapcontains", "has", "hasany", "hasall", "indexof", "arraycount", "arrayexists", "arrayall", "arrayfirst",
    "arraymap", "arrayfilter", "arraysort", "arrayreversesort", "arraysum", "arrayavg", "arraymin", "arraymax",
    "arrayuniq", "arraydistinct", "arrayconcat", "arrayslice", "arrayenumerate", "arrayjoin", "arrayzip",
    "arrayflatten", "arrayreverse", "arrayintersect", "arrayfirstindex",
    # hashes, addresses
    "cityhash64", "siphash64", "xxhash64", "md5", "sha1", "sha256", "ipv4numtostring", "ipv4stringtonum",
    "ipv4stringtonumornull", "toipv4", "toipv6", "toipv4ornull", "toipv6ornull", "isipv4string", "isipv6string",
    "isipaddressinrange",
))  # fmt: skip
_COMBINED: Final = frozenset(
    f"{name}{ending}" for name in _AGGREGATES for ending in ("if", "distinct", "ornull", "ordefault", "ornullif", "distinctif")
)
FUNCTIONS: Final = _AGGREGATES | _WINDOW | _VALUES | _COMBINED
# What the engine's parser makes of signs and words of the grammar.
OPERATORS: Final = frozenset((
    "in", "notin", "_cast", "casewithexpression", "lambda", "exists", "isnotdistinctfrom", "isdistinctfrom",
    "countdistinct", "untuple", "tointerval", "nullin", "notnullin",
))  # fmt: skip
