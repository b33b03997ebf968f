// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's

/** Ways to show `~/.env`, `~/.ssh/id_rsa` or `~/app/keys/one.pem` that rules for these files forbid. */
export const fileAttempts: readonly string[] = [
  // as it is, and quoted
  ...['cat .env', 'cat ./.env', 'cat ".env"', "cat '.e'nv", 'cat .e\\nv', "cat $'.e\\x6ev'", 'cat -- .env'],
  ...['cat app/../.env', 'cat .//.env', 'cat ~/.env', 'cat README.md .env', 'head -n 1 .env', 'sed p .env'],
  // patterns
  ...['cat .en*', 'cat .e?v', 'cat .[e]nv', 'cat .[!x]nv', 'cat .[[:alpha:]]nv', 'cat .[a-z]n*', 'cat ".e"*'],
  ...[
    'cat .*v',
    'cat ./.e*',
    'cat ~/.e*',
    'cat ../*/.env',
    'cat .e*v README.md',
    'cat */../.env',
    'cat .e**',
  ],
  ...['cat .ssh/*', 'cat .s*/id_rsa', 'cat .ss?/i*', 'cat app/*/*', 'cat app/keys/*', 'cat app/*/one.*'],
  ...['cat */*/*.pem', 'cat app/keys/o*', 'cat app/keys/[no]*', 'cat < .en*', 'cat 0< .e?v', 'tail -n1 .e*'],
  'shopt -s dotglob; cat *v',
  "bash -O dotglob -c 'cat *v'",
  'shopt -s globstar; cat **/*.p*',
  // an option of the shell counts from the next line on
  'shopt -s nocaseglob\ncat .EN*',
  'GLOBIGNORE=x; cat *v',
  // braces
  ...[
    'cat .{env,x}',
    'cat {.env,README.md}',
    'cat .e{n,}v',
    'cat .en{v,}',
    'cat {x,.}{env,y}',
    'cat .{e,x}n*',
  ],
  ...[
    'cat {a..c} .env',
    'cat .{d..f}nv',
    'cat {app/../.env,x}',
    'cat {app,..}/keys/../../.env',
    "cat {'.env',x}",
  ],
  // expansions
  ...['cat $HOME/.env', 'cat "$HOME"/.env', 'cat "${HOME}/.env"', 'cat $HOME/.ssh/id_rsa', 'cat $PWD/.env'],
  ...['cat "$PWD"/.ssh/*', 'cat ~+/.env', 'cat "$(pwd)/.env"', 'cat `pwd`/.env', 'd=.; cat $d/.env'],
  ...[
    'x=; cat .e${x}nv',
    'cat .e$(:)nv',
    'cat .env$x',
    'x=e; cat ".${x}nv"',
    'cat $x.env',
    'd=app; cat $d/keys/one.pem',
  ],
  'for d in app; do cat "$d"/keys/*.pem; done',
  // variables that the line sets
  ...[
    'f=.env; cat $f',
    'f=.e*; cat $f',
    'f="README.md .e*"; cat $f',
    "f='.[e]nv'; cat $f",
    'export f=.env; cat "$f"',
  ],
  ...[
    'for f in .e*; do cat "$f"; done',
    'for f in README.md .env; do cat $f; done',
    'declare f=.env; cat $f',
  ],
  ...['for f in .ssh/*; do cat "$f"; done', 'd=~/.ssh; cat $d/id_rsa', 'd=.ssh; f=id_rsa; cat "$d/$f"'],
  ...[
    'a=(README.md .env); cat "${a[@]}"',
    'a=(.env); cat ${a[0]}',
    'x=.e; y=nv; cat $x$y',
    'a=.env; b=$a; cat $b',
    'x=.e; x=${x}nv; cat $x',
    'a=.env; b=$a; c=$b; d=$c; e=$d; f=$e; cat $f',
  ],
  ...['d=.ssh; cd $d; cat id_rsa', 'cat $f < .env', "f=.env bash -c 'cat $f'", 'f=.env; bash -c "cat $f"'],
  // where other parts of the line are unclear
  ...[
    'echo ${HOME@Q}; cat .env',
    'cat .env; echo ${HOME@Q}',
    'cat .env\nif',
    'x=README.md; eval "cat .env $x"',
  ],
  ...['bash -c "cat .e* $HOME/README.md"', '$x cat .env', '$x; cat .env', 'echo "$x" | sh; cat .env'],
  `${'( '.repeat(50)}cat .env${' )'.repeat(50)}`,
  // somewhere else
  ...['cd app && cat ../.env', 'cd .ssh; cat id_rsa', 'cd -P .ssh && cat id_rsa', 'cd .s* && cat id_rsa'],
  ...['cd ~/.ssh; cat *', 'cd $HOME/.ssh && cat id*', 'pushd .ssh; cat id_rsa', '(cd app/keys; cat one.pem)'],
  ...['cd app/k*; cat o*', 'cd {.ssh,} && cat id_rsa'],
  // where nobody can say whether the line goes there, or comes back
  ...[
    '(cd /tmp); cat .env',
    'x=$(cd /tmp; pwd); cat .env',
    'cd /nonexistent; cat .env',
    'false && cd /tmp; cat .env',
  ],
  ...[
    'f() { cd /tmp; }; cat .env',
    'cd .ssh; (cd ..); cat id_rsa',
    'cd .ssh; cd ..; cd -; cat id_rsa',
    'cat < .env; cd /tmp',
  ],
  ...['pushd .ssh; pushd ..; popd; cat id_rsa', 'builtin cd .ssh; cat id_rsa', "eval 'cd .ssh'; cat id_rsa"],
  ...["cd .ssh; bash -c 'cat id_rsa'; cd ..", 'env -C .ssh cat id_rsa', 'cd app; cat "$OLDPWD"/.ssh/id_rsa'],
  ...[
    'cat app/keys/*$d',
    'cat /${x}$HOME/.env',
    'x=; cat /$x/$PWD/.env',
    'cat /proc/self/cwd/.env',
    'cat ~root/../$HOME/.env',
    'cat "$(echo ~)"/.ssh/id_rsa',
  ],
  // an unknown name in a folder that is denied as a whole
  ...[
    'f=$(ls .ssh); cat .ssh/"$f"',
    'cat .ssh/"$(ls .ssh)"',
    'cd .ssh; cat "$(ls)"',
    'for f in $(ls .ssh); do cat .ssh/$f; done',
  ],
  // defaults, functions and their arguments
  ...[
    'cat ${x:-.env}',
    'cat "${x-.env}"',
    'x=y; cat ${x:+.env}',
    'x=.env.bak; cat ${x%.bak}',
    'x=./.env; cat ${x#./}',
  ],
  ...[
    'f() { cat "$1"; }; f .env',
    'f() { cat "$@"; }; f README.md .env',
    "bash -c 'cat $1' _ .env",
    'set -- .env; cat "$1"',
  ],
  ...['p() { cat "$1/id_rsa"; }; p .ssh', 'x=.env; y=x; cat ${!y}', 'declare -A m=([k]=.env); cat "${m[k]}"'],
  // a program that cannot be told
  ...[
    'c=cat; $c .env',
    '{cat,.env}',
    '/bin/[c]at .env',
    '$(which cat) .env',
    'x=; ${x}cat .e*',
    'a=(cat .env); "${a[@]}"',
  ],
  ...['c="cat .env"; eval "$c"', 'c="cat .env"; $c'],
  // within something
  ...['echo "$(cat .e*)"', 'echo $(< .env)', 'echo "$(<.e?v)"', 'while read l; do echo $l; done < .env'],
  ...[
    "bash -c 'cat .e*'",
    "bash -c 'cat < .env'",
    'eval "cat .en*"',
    'cat <(cat .env)',
    'bash <<< "cat < .env"',
  ],
  ...['mapfile x < .env; echo ${x[@]}', 'read x < .env; echo $x', 'exec 5< .env; cat <&5', 'env cat .e*'],
  ...[
    'timeout 3 cat .e*',
    'find . -maxdepth 1 -name README.md -exec cat .env \\;',
    '{ cat .en?; }',
    'cat .en? | cat',
  ],
  // by other programs that name it
  ...[
    'dd if=.env',
    'dd if=.env 2>&1',
    'sort .e*',
    'paste .env',
    'grep canary .e*',
    'grep -h c .env',
    'awk 1 .env',
  ],
  ...[
    'rev .env | rev',
    'tee < .env',
    'cp .env copy; cat copy; rm copy',
    'cut -c1- .env',
    'nl .env',
    'fold .env',
    'tac .e*',
  ],
];
