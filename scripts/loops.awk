# loops.awk - the innermost loops of a disassembly (objdump -d --no-show-raw-insn), for x86-64 and
# aarch64. One line for each that multiplies and adds vectors, as one instruction in 16 or more:
#
#   FUNCTION  INSTRUCTIONS  MULTIPLY-ADDS  STORES  LOADS  INSTRUCTIONS-OF-FUNCTION
#
# STORES and LOADS are those of vectors to and from the stack. With `body` set to the name of a
# function, prints the instructions of its first such loop instead, for llvm-mca.

function number(hex,    i, n) {
    n = 0
    for (i = 1; i <= length(hex); i++) n = 16 * n + index("123456789abcdef", substr(hex, i, 1))
    return n
}

# Where instruction i jumps to, or -1.
function target(i,    a) {
    if (op[i] !~ /^(j|b$|b\.|cbn?z|tbn?z)/ || rest[i] !~ /<[^>]*>/) return -1
    a = rest[i]
    sub(/ *<[^>]*>.*/, "", a)
    sub(/.*[ ,]/, "", a)
    a = number(a)
    return (a in at) ? at[a] : -1
}

function is_multiply(i) {
    return op[i] ~ /^([su]dot|[su]*mmla|[su]m(l[as])?(ul)?l2?|fml[as])$/ || \
           op[i] ~ /^v(pdp|fn?m(add|sub)|pmadd)/
}

# A vector to (1) or from (-1) the stack. %rbp may be any pointer; where it is the frame's, a
# function with vectors on the stack uses %rsp too, since it aligns it.
function stack_use(i) {
    if (rest[i] !~ /\[sp|\(%rsp/) return 0
    if (op[i] ~ /^st(u?r|n?p)$/ && rest[i] ~ /^q/) return 1
    if (op[i] ~ /^ld(u?r|n?p)$/ && rest[i] ~ /^q/) return -1
    if (op[i] ~ /^vmov/ && rest[i] ~ /^%[xyz]mm.*%rsp\)$/) return 1
    return op[i] ~ /^v/ ? -1 : 0
}

function loop(from, to,    i, n, use) {
    n["mul"] = n["store"] = n["load"] = 0
    for (i = from; i <= to; i++) {
        n["mul"] += is_multiply(i)
        use = stack_use(i)
        n["store"] += use > 0
        n["load"] += use < 0
    }
    if (n["mul"] < 4 || 16 * n["mul"] < to - from + 1) return
    if (body == "") {
        print name, to - from + 1, n["mul"], n["store"], n["load"], count
    } else if (body == name && !printed) {
        printed = 1
        print ".Lloop:"
        for (i = from; i < to; i++) print op[i] " " rest[i]
        print op[to] " .Lloop"
    }
}

function flush(    i, j, k, inner, n, first, last) {
    n = 0
    for (i = 0; i < count; i++) {
        j = target(i)
        if (j >= 0 && j <= i) {
            first[n] = j
            last[n++] = i
        }
    }
    for (i = 0; i < n; i++) {
        inner = 1
        for (k = 0; k < n && inner; k++) {
            if (k != i && first[k] >= first[i] && last[k] <= last[i] && \
                (first[k] != first[i] || last[k] != last[i])) inner = 0
        }
        if (inner) loop(first[i], last[i])
    }
    count = 0
    split("", at)
}

/^[0-9a-f]+ <.*>:$/ {
    flush()
    name = $2
    gsub(/[<>:]/, "", name)
    next
}
/^ *[0-9a-f]+:\t/ {
    split($0, part, "\t")
    sub(/^ */, "", part[1])
    sub(/:.*/, "", part[1])
    at[number(part[1])] = count
    # objdump separates operands by a tab on Arm, by blanks on x86.
    line = part[2] (3 in part ? " " part[3] : "")
    sub(/ *\/\/.*/, "", line)
    sub(/ *#.*<.*>.*/, "", line)
    sub(/^({vex}|notrack|bnd|rep[a-z]*|lock) /, "", line)
    op[count] = line
    sub(/ .*/, "", op[count])
    rest[count] = line
    if (!sub(/^[^ ]* +/, "", rest[count])) rest[count] = ""
    count++
}
END { flush() }
