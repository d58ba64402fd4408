namespace Runcvm.Tests.Layout;

/// <summary>Where the sources lie.</summary>
internal static class Repository
{
    internal static string Root { get; } = Find();

    private static string Find()
    {
        for (string? folder = AppContext.BaseDirectory; folder != null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Runcvm.slnx"))) return folder;
        }

        throw new InvalidOperationException($"no folder above {AppContext.BaseDirectory} holds Runcvm.slnx");
    }
}
