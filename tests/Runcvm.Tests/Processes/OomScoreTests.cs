using System.Globalization;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Processes;

public class OomScoreTests
{
    private static int Own
        => int.Parse(File.ReadAllText("/proc/self/oom_score_adj"), CultureInfo.InvariantCulture);

    [Fact]
    public void Without_the_right_to_a_lower_score_a_process_has_its_own()
    {
        int own = Own;
        Assert.Equal(1000, CurrentProcess.PossibleOomScore(1000));
        Assert.Equal(own, CurrentProcess.PossibleOomScore(own));
        const int Resource = 24;
        string line = File.ReadLines("/proc/self/status").First(
            static line => line.StartsWith("CapEff:", StringComparison.Ordinal));
        bool canLower = (ulong.Parse(line[7..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            >> Resource & 1) != 0;
        Assert.Equal(canLower ? -1000 : own, CurrentProcess.PossibleOomScore(-1000));
        Assert.Equal(own, Own);
    }
}
