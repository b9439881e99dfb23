/**
 * A script for each shell. It asks `fleetsec completion offer` for the words, one a line, and has the
 * shell find files where that says `:files`. Words are plain: nothing in them is expanded anywhere.
 */
export const scripts: Readonly<Record<string, string>> = {
  bash: `# fleetsec completion for bash: source <(fleetsec completion bash)
_fleetsec() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    # with nothing in COMPREPLY, bash completes files by itself
    [ "$word" = ":files" ] || COMPREPLY+=("$word")
  done < <(fleetsec completion offer -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # json= goes on with a path
  case "\${COMPREPLY[0]:-}" in *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -o default -F _fleetsec fleetsec
`,
  zsh: `#compdef fleetsec
# fleetsec completion for zsh: source <(fleetsec completion zsh)
_fleetsec() {
  local -a offered
  offered=(\${(f)"$(fleetsec completion offer -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
  if (( \${offered[(I):files]} )); then
    _files
  else
    compadd -S '' -- \${(M)offered:#*=}
    compadd -- \${offered:#*=}
  fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _fleetsec fleetsec
`,
  fish: `# fleetsec completion for fish: fleetsec completion fish | source
function __fleetsec_offer
  set -l words (commandline -opc)
  set -e words[1]
  set -l current (commandline -ct)
  for word in (fleetsec completion offer -- $words "$current" 2>/dev/null)
    if test "$word" = ":files"
      __fish_complete_path "$current"
    else
      echo $word
    end
  end
end
complete -c fleetsec -f -a "(__fleetsec_offer)"
`,
};
