using System.Diagnostics;
using System.Globalization;

namespace Runcvm.Tests.Fuse;

/// <summary>A share through this machine's own kernel against a plain folder; no assertion, only figures. Runs where
/// RUNCVM_MEASURE is set.</summary>
public class MeasureTests
{
    private const int Files = 10_000;
    private const int Megabytes = 512;

    [Fact]
    public void Metadata_and_bulk_beside_a_plain_folder()
    {
        if (Environment.GetEnvironmentVariable("RUNCVM_MEASURE") == null) Assert.Skip("RUNCVM_MEASURE is not set");
        using var share = MountedShare.Start();
        string plain = Directory.CreateTempSubdirectory("runcvm-plain-").FullName;
        try
        {
            foreach ((string name, Action<string> action) in new (string, Action<string>)[]
            {
                ("create", CreateFiles), ("stat", Stat), ("walk", Walk), ("read small", ReadSmall),
                ("open to write", OpenToWrite), ("delete", Delete),
                ("write bulk", WriteBulk), ("read bulk", ReadBulk), ("write 4 KiB", WriteSmall),
            })
            {
                double folder = Seconds(() => action(plain));
                double mount = Seconds(() => action(share.Guest));
                TestContext.Current.SendDiagnosticMessage(string.Create(
                    CultureInfo.InvariantCulture, $"{name}: folder {folder:F3} s, share {mount:F3} s, ratio {mount / folder:F1}"));
            }
        }
        finally
        {
            Directory.Delete(plain, recursive: true);
        }
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static void OpenToWrite(string root)
    {
        for (int i = 0; i < Files; i++)
            using (new FileStream(Name(root, i), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0)) { }
    }

    private static string Name(string root, int i) => Path.Combine(root, $"d{i % 100}", $"file{i}");

    private static void CreateFiles(string root)
    {
        for (int i = 0; i < 100; i++) Directory.CreateDirectory(Path.Combine(root, $"d{i}"));
        for (int i = 0; i < Files; i++) File.WriteAllText(Name(root, i), "small");
    }

    private static void Stat(string root)
    {
        for (int i = 0; i < Files; i++) _ = File.GetLastWriteTimeUtc(Name(root, i));
    }

    private static void Walk(string root) => Assert.Equal(Files, Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Count());

    private static void ReadSmall(string root)
    {
        for (int i = 0; i < Files; i++) _ = File.ReadAllText(Name(root, i));
    }

    private static void Delete(string root)
    {
        for (int i = 0; i < 100; i++) Directory.Delete(Path.Combine(root, $"d{i}"), recursive: true);
    }

    private static void WriteBulk(string root)
    {
        byte[] data = new byte[1024 * 1024];
        using FileStream file = File.Create(Path.Combine(root, "bulk"), 1);
        for (int i = 0; i < Megabytes; i++) file.Write(data);
        file.Flush(flushToDisk: true);
    }

    private static void ReadBulk(string root)
    {
        byte[] data = new byte[1024 * 1024];
        using FileStream file = new(Path.Combine(root, "bulk"), FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        while (file.Read(data) > 0)
        {
        }
    }

    private static void WriteSmall(string root)
    {
        byte[] data = new byte[4096];
        using FileStream file = File.Create(Path.Combine(root, "small"), 1);
        for (int i = 0; i < 5000; i++) file.Write(data);
    }
}
