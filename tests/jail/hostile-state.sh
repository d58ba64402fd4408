#!/bin/bash
# Makes of a machine's state what a hostile sandbox would make of it.
#
#   hostile-state.sh sandbox KIND PID OTHER CANARY     as process PID of the sandbox sees it: what is refused there
#                                                      stays as it was
#   hostile-state.sh host KIND FOLDER OTHER CANARY     in the host's own folder: what another version left, which
#                                                      gave all of it to the sandbox
#
# OTHER is the state folder of another machine, CANARY a folder that is nobody's business.
set -uo pipefail

by=$1 kind=$2 other=$4 canary=$5
case $by in
sandbox) parts=(/proc/"$3"/root/run/runcvm /proc/"$3"/root/run/sandbox) ;;
host) parts=("$3" "$3/sandbox") ;;
*) exit 2 ;;
esac

# What verbs read or connect to, whether it is there by now or not.
names() {
    local name
    for name in machine.bin record.bin setup.bin process.bin root-image lock control.sock started outcome.bin; do
        case $1:$name in
        */sandbox:started | */sandbox:outcome.bin) echo "$name" ;;
        */sandbox:*) ;;
        *) [ ! -e "$1/$name" ] || echo "$name" ;;
        esac
    done
}

# Puts something in the place of each file: MAKER PATH makes it.
replace() { # PART MAKER...
    local part=$1 name
    for name in $(names "$part"); do rm -f "$part/$name" && "${@:2}" "$part/$name"; done
}

pipe() { mkfifo "$1"; }
folder() { mkdir -p "$1/deep"; }
device() { mknod "$1" c 1 5; }
link() { ln -s "$canary/precious" "$1"; }
endless() { truncate -s 1T "$1"; }
noise() { head -c 5000 /dev/urandom >"$1"; }

# A description that is whole, and says that the guest has 1.4 TB instead of 128 MiB.
swell() { # PART
    [ -f "$1/machine.bin" ] || return 0
    perl -0777 -pe 's/\Q${\pack("q<", 128 << 20)}\E/pack("q<", 1400 << 30)/e' "$1/machine.bin" >"$canary.tmp" &&
        cat "$canary.tmp" >"$1/machine.bin"
    rm -f "$canary.tmp"
}

# Ends with the folder, or after two minutes.
swap() { # PART
    perl -e '
        my ($part, $other, $canary) = @ARGV;
        chdir $part or exit;
        my $until = time + 120;
        # Of this process alone: else what one of them writes goes where the link of another leads.
        my ($new, $x, $y, $z, $h) = map { "$_-$$" } qw(new x y z h);
        sub put { my ($name, $make) = @_; unlink $new; $make->($new) and (rename($new, $name) or unlink $new) }
        my @files = grep { -f } ("machine.bin", "record.bin", "started", "outcome.bin");
        my %whole = map { my $f = $_; open my $in, "<", $f; local $/; ($f => <$in> // "") } @files;
        while (time < $until && -d $part) {
            for my $file (@files) {
                put($file, sub { symlink("$canary/precious", $_[0]) });
                put($file, sub { symlink("$other/$file", $_[0]) });
                put($file, sub { open my $out, ">", $_[0] or return; print $out $whole{$file}; close $out });
            }
            mkdir $x; symlink($canary, $y); rename($x, $z); rename($y, $x); unlink $x; rmdir $z;
            next unless rename("hypervisor", $h);
            symlink($canary, "hypervisor"); unlink "hypervisor"; rename($h, "hypervisor");
        }' "$1" "$other" "$canary" </dev/null >/dev/null 2>&1 &
}

# A supervisor that somebody took over. silent: takes connections and says nothing; babbling: answers each question with
# what cannot be; endless: goes on and on. Ends with the socket, or after two minutes.
answer() { # PART
    local ready
    ready=$(mktemp -u) && mkfifo "$ready"
    perl -MIO::Socket::UNIX -MIO::Select -e '
        my ($part, $kind, $ready) = @ARGV;
        $SIG{PIPE} = "IGNORE"; $SIG{CHLD} = "IGNORE";
        my $socket;
        if (chdir $part and unlink "control.sock") {
            $socket = IO::Socket::UNIX->new(Local => "control.sock", Listen => 64);
        }
        open my $told, ">", $ready; close $told;
        exit unless $socket;
        my %answers = (32 => 96, 33 => 97, 34 => 98, 6 => 72, 7 => 73);
        my ($until, $select, @kept) = (time + 120, IO::Select->new($socket));
        while (time < $until && -S "control.sock") {
            next unless $select->can_read(0.2);
            my $client = $socket->accept or next;
            if ($kind eq "silent") { push @kept, $client; next }
            next if fork;
            sysread $client, my $question, 5;
            my $with = $answers{unpack "x4C", $question // ""} // 67;
            if ($kind eq "babbling") {
                syswrite $client, pack("VC", 101, $with) . ("\xff" x 100);
            } elsif ($with == 96) {
                my $text = pack("VCV", 1005, $with, 1000) . ("x" x 1000);
                1 while time < $until && syswrite $client, $text;
            } else {
                # A long message that never comes to its end.
                syswrite $client, pack("VC", 8 << 20, $with);
                1 while time < $until && syswrite($client, "x") && select(undef, undef, undef, 0.05) == 0;
            }
            exit;
        }' "$1" "$kind" "$ready" </dev/null >/dev/null 2>&1 &
    # Not before it listens.
    read -r _ <"$ready" || true
    rm -f "$ready"
}

for part in "${parts[@]}"; do
    [ -d "$part" ] || continue
    case $kind in
    gone) find "$part" -xdev -mindepth 1 -maxdepth 1 ! -name sandbox -exec rm -rf {} + ;;
    no-description) rm -f "$part/machine.bin" ;;
    links) replace "$part" link; ln -sfT "$canary" "$part/extra" ;;
    folder-links)
        rm -rf "$part/hypervisor"
        ln -sT "$(ls -d "$other/sandbox/hypervisor" 2>/dev/null || echo "$canary")" "$part/hypervisor"
        mkdir "$part/inner" && ln -s "$canary" "$part/inner/folder" && ln -s / "$part/inner/root"
        ;;
    pipes) replace "$part" pipe ;;
    folders) replace "$part" folder ;;
    devices) replace "$part" device ;;
    sizes) replace "$part" endless ;;
    noise) replace "$part" noise ;;
    deep)
        # Until the file system is full, if it is a small one.
        (cd "$part" && perl -e 'for (1..1500) { mkdir "n" and chdir "n" or last }')
        ;;
    many)
        (cd "$part" && perl -e 'for (1..20000) { open my $f, ">", "many-$_" or last; print $f "x" x 4096 }')
        ;;
    forged)
        swell "$part"
        case $part in */sandbox) replace "$part" noise ;; esac
        ;;
    others-description) cp "$other/machine.bin" "$part/machine.bin" ;;
    others-socket) ln -sfT "$other/control.sock" "$part/control.sock" ;;
    silent | babbling | endless) answer "$part" ;;
    changing) swap "$part" ;;
    *) exit 2 ;;
    esac
done 2>&1 | grep -vE 'Read-only file system|No such file or directory' >&2
# What the sandbox is refused is no failure of this script; that the host's part was made is.
[ "$by" = sandbox ] || case $kind in
no-description | gone) [ ! -e "$3/machine.bin" ] ;;
links) [ -L "$3/machine.bin" ] ;;
folder-links) [ -L "$3/sandbox/hypervisor" ] || [ -L "$3/hypervisor" ] ;;
pipes) [ -p "$3/machine.bin" ] ;;
folders) [ -d "$3/machine.bin" ] ;;
devices) [ -c "$3/machine.bin" ] ;;
deep) [ -d "$3/n/n/n" ] ;;
many) [ -e "$3/many-16500" ] ;;
others-socket) [ -L "$3/control.sock" ] ;;
esac
