/* calls_check.c - calls held against the definitions of what may be called.
 *
 * Types are named as JSON schema has them, or as Python has them in DroidCall's and others'
 * definitions: "string", "str", "List[str]", "Optional[Dict[str, Any]]". A type that is neither
 * holds for every value.
 */
#include "task/calls.h"

#include <string.h>

static bantam_status refuse(bantam_error *err, bantam_text function, const char *argument,
                            const char *what)
{
    return bnt_fail(err, BANTAM_ERR_INVALID, "%.*s: argument %s: %s", BNT_TEXT_ARG(function),
                    argument, what);
}

/* ---- types ------------------------------------------------------------------------------- */

static bool is_whole(const json_t *v)
{
    if (json_is_integer(v)) return true;
    const double x = json_real_value(v);
    return json_is_real(v) && x > -9e15 && x < 9e15 && x == (double)(int64_t)x;
}

/* Whether a name up to a bracket, in any case, is `what`. */
static bool is_named(bantam_text name, const char *what)
{
    size_t n = 0;
    for (; n < name.size && name.data[n] != '['; n++) {
        const char c = name.data[n];
        if (what[n] == '\0' || (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != what[n])
            return false;
    }
    return what[n] == '\0';
}

/* What stands between the brackets of a Python type, or nothing. */
static bantam_text inner_type(bantam_text name)
{
    const char *const open = name.size ? memchr(name.data, '[', name.size) : NULL;
    if (!open || name.data[name.size - 1] != ']') return (bantam_text){NULL, 0};
    return (bantam_text){open + 1, (size_t)(name.data + name.size - 1 - open - 1)};
}

static bool is_type(const json_t *v, bantam_text name);

/* Members of a list against the type between its brackets; deeper lists are not looked into. */
static bool are_type(const json_t *list, bantam_text name)
{
    if (!name.size || memchr(name.data, '[', name.size) || memchr(name.data, ',', name.size)) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is_type(json_array_get(list, i), name)) return false;
    }
    return true;
}

static bool is_type(const json_t *v, bantam_text name)
{
    static const char *const lists[] = {"array", "list", "tuple", "set", "sequence"};

    if (is_named(name, "optional")) {
        if (json_is_null(v)) return true;
        name = inner_type(name);
    }
    if (is_named(name, "string") || is_named(name, "str")) return json_is_string(v);
    if (is_named(name, "integer") || is_named(name, "int")) return is_whole(v);
    if (is_named(name, "number") || is_named(name, "float") || is_named(name, "double")) {
        return json_is_number(v);
    }
    if (is_named(name, "boolean") || is_named(name, "bool")) return json_is_boolean(v);
    if (is_named(name, "object") || is_named(name, "dict")) return json_is_object(v);
    if (is_named(name, "null") || is_named(name, "none")) return json_is_null(v);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (!is_named(name, lists[i])) continue;
        return json_is_array(v) && are_type(v, inner_type(name));
    }
    return true;
}

/* ---- one argument ------------------------------------------------------------------------ */

/* Whether `one` is it, or among an array of them; no given list allows all. */
static bool is_among(const json_t *v, const json_t *list)
{
    if (!json_is_array(list)) return true;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(v, json_array_get(list, i))) return true;
    }
    return false;
}

static bool fits(const json_t *v, const json_t *schema)
{
    const json_t *const type = json_object_get(schema, "type");
    bool fit = !json_is_array(type);

    if (json_is_string(type)) fit = is_type(v, bnt_json_text(type));
    for (size_t i = 0; i < json_array_size(type) && !fit; i++) {
        fit = is_type(v, bnt_json_text(json_array_get(type, i)));
    }
    const json_t *const items = json_object_get(json_object_get(schema, "items"), "type");
    if (fit && json_is_array(v) && json_is_string(items))
        fit = are_type(v, bnt_json_text(items));
    return fit;
}

static bantam_status check_argument(bantam_text function, const char *name, const json_t *value,
                                    const json_t *schema, bantam_error *err)
{
    const bantam_text type = bnt_json_text(json_object_get(schema, "type"));
    const bantam_text text = bnt_json_text(value);

    if (!schema) return refuse(err, function, name, "the function has none of this name");
    /* What an earlier call gave can be of any type. */
    if (text.size > 1 && text.data[0] == '#' &&
        strspn(text.data + 1, "0123456789") + 1 == text.size) {
        return BANTAM_OK;
    }
    if (!fits(value, schema)) {
        return type.size ? bnt_fail(err, BANTAM_ERR_INVALID,
                                    "%.*s: argument %s: expected the type %.*s",
                                    BNT_TEXT_ARG(function), name, BNT_TEXT_ARG(type))
                         : refuse(err, function, name, "another type is expected");
    }
    if (is_among(value, json_object_get(schema, "enum"))) return BANTAM_OK;
    return refuse(err, function, name, "none of the values that it may have");
}

/* ---- calls ------------------------------------------------------------------------------- */

static const json_t *find_function(const json_t *tools, bantam_text name)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *const f = bnt_tools_function(json_array_get(tools, i));
        const bantam_text known = bnt_json_text(json_object_get(f, "name"));
        if (known.size == name.size && memcmp(known.data, name.data, name.size) == 0) return f;
    }
    return NULL;
}

/* Names that a schema lists as required, or arguments that say so of themselves. */
static bantam_status check_required(bantam_text function, const json_t *f, const json_t *given,
                                    bantam_error *err)
{
    const json_t *const names = json_object_get(json_object_get(f, "parameters"), "required");
    json_t *const arguments = json_object_get(f, "arguments");
    const char *key;
    json_t *schema;

    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *const name = json_string_value(json_array_get(names, i));
        if (!name || json_object_get(given, name)) continue;
        return refuse(err, function, name, "is required and missing");
    }
    json_object_foreach(arguments, key, schema)
    {
        if (!json_is_true(json_object_get(schema, "required")) || json_object_get(given, key)) {
            continue;
        }
        return refuse(err, function, key, "is required and missing");
    }
    return BANTAM_OK;
}

static bantam_status check_call(const json_t *tools, const json_t *call, bantam_error *err)
{
    const bantam_text name = bnt_json_text(json_object_get(call, "name"));
    json_t *const given = json_object_get(call, "arguments");
    const json_t *const f = find_function(tools, name);
    const char *key;
    json_t *value;

    if (!f) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%.*s: no such function was defined",
                        BNT_TEXT_ARG(name));
    }
    const json_t *schemas = json_object_get(json_object_get(f, "parameters"), "properties");
    if (!schemas) schemas = json_object_get(f, "arguments");
    json_object_foreach(given, key, value)
    {
        const bantam_status status =
            check_argument(name, key, value, json_object_get(schemas, key), err);
        if (status) return status;
    }
    return check_required(name, f, given, err);
}

bantam_status bantam_calls_check(bantam_text tools, bantam_text call, bantam_error *err)
{
    json_t *defined = NULL, *calls = NULL;
    bantam_status status = bnt_tools_read(tools, &defined, err);

    if (!status) status = bnt_calls_parse(call, &calls, err);
    for (size_t i = 0; i < json_array_size(calls) && !status; i++) {
        status = check_call(defined, json_array_get(calls, i), err);
    }
    json_decref(calls);
    json_decref(defined);
    return status == BANTAM_ERR_FORMAT ? bnt_fail_within(err, status, "call: ") : status;
}
