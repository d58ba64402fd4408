# For the findings: has apt look at Debian sid alone, or at "$suite" where that is set, with all that it keeps in
# "$dir". Nothing of this machine changes.
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/root"
# The mirror is the one of this machine's own apt.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' |
    awk '$2 == "bookworm" || $2 == "trixie" { print $1; exit }')
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror ${suite:-sid} main" > "$dir/list"
cat > "$dir/apt.conf" <<END
Dir::State "$dir/state";
Dir::State::status "/dev/null";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
export APT_CONFIG=$dir/apt.conf
apt-get -qq update
