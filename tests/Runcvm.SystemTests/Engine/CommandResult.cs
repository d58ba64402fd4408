using System.Text;

namespace Runcvm.SystemTests.Engine;

/// <summary>What a program wrote and how it ended.</summary>
public sealed record CommandResult(string Command, int ExitCode, byte[] Output, byte[] Error)
{
    public string Stdout => Encoding.UTF8.GetString(Output);

    public string Stderr => Encoding.UTF8.GetString(Error);

    /// <summary>Standard output without the last line end, of a program that must have succeeded.</summary>
    public string Text => Succeeded().Stdout.TrimEnd('\n');

    public string[] Lines => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public CommandResult Succeeded() => Ended(0);

    public CommandResult Ended(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"expected exit code {exitCode} of {this}");
        return this;
    }

    /// <summary>Failed with a message for people that holds all of <paramref name="words"/>.</summary>
    public CommandResult Refused(params string[] words)
    {
        Assert.True(ExitCode != 0, $"expected a failure of {this}");
        foreach (string word in words) Assert.Contains(word, Stderr, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Stderr, StringComparison.Ordinal);
        return this;
    }

    public override string ToString() => $"{Command}\nexit code {ExitCode}\n{Short(Stdout)}\n{Short(Stderr)}";

    private static string Short(string text) => text.Length <= 4000 ? text : text[..2000] + "\n…\n" + text[^2000..];
}
