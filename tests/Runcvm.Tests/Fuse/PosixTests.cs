using Runcvm.Fuse;

namespace Runcvm.Tests.Fuse;

/// <summary>A share behaves as a plain folder of the same file system does. Changes the umask: not beside other tests.</summary>
[Collection(nameof(PosixTests))]
[CollectionDefinition(nameof(PosixTests), DisableParallelization = true)]
public class PosixTests
{
    public static TheoryData<string, CachePolicy> Cases()
    {
        var cases = new TheoryData<string, CachePolicy>();
        foreach (string name in PosixCases.All.Keys)
        {
            cases.Add(name, CachePolicy.Auto);
            cases.Add(name, CachePolicy.None);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_share_does_as_a_plain_folder(string name, CachePolicy cache)
    {
        using var share = MountedShare.Start(cache: cache);
        string plain = Directory.CreateTempSubdirectory("runcvm-plain-").FullName;
        try
        {
            // Both are to let others in; a temporary folder's mode does not.
            foreach (string folder in (string[])[plain, Path.GetDirectoryName(share.Host)!, share.Host])
                File.SetUnixFileMode(folder, (UnixFileMode)0x1ED);
            Assert.Equal(Run(PosixCases.All[name], plain), Run(PosixCases.All[name], share.Guest));
            share.UntilAllIsClosed();
        }
        finally
        {
            Directory.Delete(plain, recursive: true);
        }
    }

    private static string Run(Action<PosixRun> posixCase, string root)
    {
        using var run = new PosixRun(root);
        posixCase(run);
        return run.Protocol;
    }
}
