using Runcvm.Oci;

namespace Runcvm.Tests.Oci;

public class SignalNameTests
{
    [Theory]
    [InlineData("6", 6)]
    [InlineData("64", 64)]
    [InlineData("SIGABRT", 6)]
    [InlineData("stop", 19)]
    [InlineData("SigWinch", 28)]
    [InlineData("0", null)]
    [InlineData("65", null)]
    [InlineData("-6", null)]
    [InlineData("", null)]
    [InlineData("SIG", null)]
    // The low-level runtime takes it.
    [InlineData("TERM", null)]
    public void A_signal_is_a_number_or_a_name(string text, int? number)
        => Assert.Equal(number, SignalName.TryParse(text));
}
