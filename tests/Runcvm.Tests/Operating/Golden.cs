using Runcvm.Tests.Layout;

namespace Runcvm.Tests.Operating;

/// <summary>Text that somebody has reviewed, kept beside the tests. RUNCVM_TEST_ACCEPT=1 takes over what is there now.</summary>
internal static class Golden
{
    internal static void Check(string file, string actual)
    {
        string path = Path.Combine(Repository.Root, "tests/Runcvm.Tests", file);
        if (Environment.GetEnvironmentVariable("RUNCVM_TEST_ACCEPT") == "1") File.WriteAllText(path, actual);
        Assert.Equal(File.ReadAllText(path), actual);
    }
}
