# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for mef-agent(8)

_mef_agent()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()

    case $prev in
    --config | --plugin)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return ;;
    --state-dir | --runtime-dir)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return ;;
    --log-target)
        mapfile -t COMPREPLY < <(compgen -W 'journal console auto' -- "$cur")
        return ;;
    --bus) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W '--config --bus --state-dir --runtime-dir --plugin --log-target --check-config
        --cat-config --version --help' -- "$cur")
}

complete -F _mef_agent mef-agent
