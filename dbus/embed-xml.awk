# SPDX-License-Identifier: LGPL-2.1-or-later
# Turns introspection files into C strings: the <interface> element of each, without comments.
function flush_file() {
    if (name != "")
        printf "    {\"%s\",\n%s    },\n", name, text
    name = ""; text = ""; inside = 0; comment = 0
}
BEGIN {
    print "/* Made from dbus/xml by dbus/embed-xml.awk; do not edit. */"
    print "struct xml_row {\n    const char *name, *xml;\n};"
    print "extern const struct xml_row bus_xml_rows[];"
    print "const struct xml_row bus_xml_rows[] = {"
}
FNR == 1 { flush_file() }
{
    line = $0; out = ""
    while (line != "") {
        if (comment) {
            at = index(line, "-->")
            if (!at) { line = ""; break }
            line = substr(line, at + 3); comment = 0
        } else {
            at = index(line, "<!--")
            if (!at) { out = out line; line = ""; break }
            out = out substr(line, 1, at - 1); line = substr(line, at + 4); comment = 1
        }
    }
    if (out ~ /<interface /) {
        inside = 1
        name = out; sub(/.*<interface name="/, "", name); sub(/".*/, "", name)
    }
    if (inside && out !~ /^[ \t]*$/) {
        gsub(/\\/, "\\\\", out); gsub(/"/, "\\\"", out)
        text = text "     \"" out "\\n\"\n"
    }
    if (out ~ /<\/interface>/) inside = 0
}
END {
    flush_file()
    print "    {0, 0},\n};"
}
