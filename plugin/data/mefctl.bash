# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for mefctl(1)

# Names of the objects below /org/mefclient1/$1: the last path element, unescaped.
_mefctl_names()
{
    local path name
    while read -r path; do
        name=${path##*/}
        # _2d and the like are octets in hex (docs: bus paths).
        name=$(printf '%s' "$name" | sed 's/_\([0-9a-f][0-9a-f]\)/\\x\1/g')
        printf '%b\n' "$name"
    done < <(busctl "${_mefctl_bus[@]}" --list tree org.mefclient1 2>/dev/null | grep -E "^/org/mefclient1/$1\$")
}

_mefctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command='' word i
    local commands='status tree graph timeline registrations add poll delete process jobs credentials login logout set-key log-level watch import export'
    local options='--bus --json --no-wait --timeout --help --version'
    local -a _mefctl_bus=(--system)
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --bus) _mefctl_bus=("--address=${COMP_WORDS[i+1]}"); i=$((i + 1)) ;;
        --timeout | --http-port | --coap-port | --websocket-port | --kpm-id | --cert-fingerprint | --trust-anchor | \
        --name | --expires | --label | --cancel) i=$((i + 1)) ;;
        -*) ;;
        *) [ -n "$command" ] || command=$word ;;
        esac
    done

    case $prev in
    --trust-anchor)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return ;;
    --cancel)
        mapfile -t COMPREPLY < <(compgen -W "$(_mefctl_names 'job/[0-9]+')" -- "$cur")
        return ;;
    --bus | --timeout | --http-port | --coap-port | --websocket-port | --kpm-id | --cert-fingerprint | --name | --expires | \
    --label)
        return ;;
    esac

    case $command in
    '') mapfile -t COMPREPLY < <(compgen -W "$commands $options" -- "$cur") ;;
    add)
        mapfile -t COMPREPLY < <(compgen -W "--http-port --coap-port --websocket-port --kpm-id --cert-fingerprint \
            --trust-anchor --name --expires --label $options" -- "$cur") ;;
    poll) mapfile -t COMPREPLY < <(compgen -W "$(_mefctl_names 'registration/[^/]+') $options" -- "$cur") ;;
    set-key) mapfile -t COMPREPLY < <(compgen -W "$(_mefctl_names 'mo/authenticationProfile/[^/]+') $options" -- "$cur") ;;
    delete | process) mapfile -t COMPREPLY < <(compgen -W "$(_mefctl_names 'mo/[^/]+/[^/]+') $options" -- "$cur") ;;
    jobs) mapfile -t COMPREPLY < <(compgen -W "--cancel $options" -- "$cur") ;;
    log-level)
        mapfile -t COMPREPLY < <(compgen -W "emerg alert crit err warning notice info debug $options" -- "$cur") ;;
    timeline)
        mapfile -t COMPREPLY < <(compgen -W "$(journalctl ${MEFCLIENT_JOURNAL:+-D "$MEFCLIENT_JOURNAL"} -q -F MEF_TRANSACTION_ID \
            2>/dev/null) $options" -- "$cur") ;;
    login | import) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
    esac
}

complete -F _mefctl mefctl
