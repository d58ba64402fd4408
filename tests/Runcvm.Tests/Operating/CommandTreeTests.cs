using Runcvm.Cli;
using Runcvm.Oci;
using Runcvm.Operating;

namespace Runcvm.Tests.Operating;

public class CommandTreeTests
{
    private const int ScreenLines = 24;
    private const int ScreenColumns = 80;

    [Fact]
    public void The_help_is_as_reviewed_and_fits_one_screen()
    {
        Golden.Check("Operating/help.txt", HelpText.All());
        string[] lines = HelpText.All().TrimEnd('\n').Split('\n');
        Assert.InRange(lines.Length, 1, ScreenLines);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, ScreenColumns));
    }

    [Fact]
    public void The_help_of_each_verb_is_as_reviewed()
        => Golden.Check("Operating/help-verbs.txt", string.Join('\n', CommandTree.Verbs.Select(HelpText.Of)));

    [Theory]
    [InlineData("list --frob", "runcvm list does not know '--frob'; see runcvm list --help")]
    [InlineData("list extra", "runcvm list does not know 'extra'; see runcvm list --help")]
    [InlineData("inspect", "runcvm inspect: ")]
    [InlineData("list --format yaml", "yaml")]
    [InlineData("stats --interval 0", "--interval must be a number from 1 to 3600, not '0'")]
    [InlineData("stats --interval many", "many")]
    [InlineData("completion tcsh", "tcsh")]
    [InlineData("images prune --keep", "--keep")]
    [InlineData("images prune --keep x", "x")]
    [InlineData("images prune --keep -1", "--keep must be a number from 0 on")]
    public void A_mistake_is_one_sentence_that_names_it(string words, string expected)
    {
        UsageException e = Assert.Throws<UsageException>(() => CommandTree.Run(words.Split(' ')));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void A_word_that_names_a_file_is_not_replaced_by_its_content()
        => Assert.Equal("@/etc/hostname", CommandTree.Parse(["inspect", "@/etc/hostname"]).Tokens[^1].Value);

    [Theory]
    [InlineData("--root /run/x list --format json", true)]
    [InlineData("--log /x --log-format json list", true)]
    [InlineData("--systemd-cgroup list -q", true)]
    [InlineData("list --format json", false)]
    public void List_is_the_engines_when_global_flags_stand_before_it(string words, bool isEngines)
        => Assert.Equal(isEngines, CommandLine.Parse(words.Split(' ')).HasGlobalFlags);

    [Theory]
    [InlineData("--root /x inspect y")]
    [InlineData("frobnicate")]
    public void What_is_no_verb_is_refused(string words)
        => Assert.Contains("is no verb of runcvm", Assert.Throws<UsageException>(() => VerbTable.Run(CommandLine.Parse(words.Split(' ')))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completions_know_every_verb(string shell)
        => Assert.All(CommandTree.Verbs, verb => Assert.Contains(verb.Name, CompletionScript.For(shell), StringComparison.Ordinal));

    [Fact]
    public async Task Bash_completes_verbs_and_options()
    {
        string script = CompletionScript.For("bash") + """
            runcvm() { echo 0123456789ab; }
            complete_words() { COMP_WORDS=(runcvm "$@"); COMP_CWORD=$#; _runcvm; echo "${COMPREPLY[*]}"; }
            complete_words ins; complete_words list --q; complete_words console 012; complete_words completion f; complete_words images pr
            """;
        Assert.Equal("inspect install\n--quiet\n0123456789ab\nfish\nprune\n", await Shell.OutputAsync("bash", script));
    }

    [Fact]
    public async Task The_manual_page_is_one_that_troff_takes()
    {
        string page = ManualPage.Text();
        Assert.All(CommandTree.Verbs, verb => Assert.Contains($"runcvm {verb.Name}", page, StringComparison.Ordinal));
        Assert.SkipUnless(File.Exists("/usr/bin/groff"), "there is no groff");
        Assert.Equal("", await Shell.OutputAsync("bash", $"groff -man -ww -z -Tutf8 2>&1 <<'E'\n{page}E\n"));
    }
}
