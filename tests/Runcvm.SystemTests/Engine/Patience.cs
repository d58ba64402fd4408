using System.Globalization;

namespace Runcvm.SystemTests.Engine;

/// <summary>How much longer than on a quiet machine everything may take: in an emulated one deadlines would only measure the
/// emulator.</summary>
internal static class Patience
{
    private static readonly double Factor =
        double.Parse(Environment.GetEnvironmentVariable("RUNCVM_TEST_PATIENCE") ?? "1", CultureInfo.InvariantCulture);

    public static TimeSpan Times(TimeSpan time) => time * Factor;
}
