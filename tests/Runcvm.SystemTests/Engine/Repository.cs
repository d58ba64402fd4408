namespace Runcvm.SystemTests.Engine;

/// <summary>Where the sources lie: scripts and image recipes are used from there.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Tests => Path.Combine(Root, "tests/Runcvm.SystemTests");

    private static string Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
            if (File.Exists(Path.Combine(folder, "Runcvm.slnx")))
                return folder;
        throw new InvalidOperationException($"no folder above {AppContext.BaseDirectory} holds Runcvm.slnx");
    }
}
