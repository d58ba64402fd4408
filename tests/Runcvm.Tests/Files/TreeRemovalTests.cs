using System.Runtime.InteropServices;
using Runcvm.Kernels;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Files;

public sealed class TreeRemovalTests : IDisposable
{
    // 500 folders in each other whose path has 100 000 bytes, where the kernel takes 4096. In each are a file and a
    // second folder.
    private const string MakeDeep = """
        python3 -c '
        import os
        for i in range(500):
            os.makedirs("b/c"); open("file", "w").close(); os.mkdir("a" * 200); os.chdir("a" * 200)
        '
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_tree_whose_paths_are_longer_than_the_kernel_takes_goes()
    {
        _folder.Make("victim");
        _folder.Shell("cd victim; " + MakeDeep);
        TreeRemoval.Remove(_folder.Path("victim"));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path("")));
    }

    [Fact]
    public void A_folder_of_work_in_which_a_tool_made_such_a_tree_is_in_nobodys_way()
    {
        _folder.Make("store/.work/payload");
        _folder.Shell("cd store/.work/payload; " + MakeDeep);
        var store = new KernelStore(_folder.Path("store"), Architecture.X64);
        using (var work = new KernelWork(store))
        {
            Assert.Empty(Directory.GetFileSystemEntries(work.Folder));
            _folder.Shell("cd store/.work; " + MakeDeep);
        }

        Assert.Equal([_folder.Path("store/.lock")], Directory.GetFileSystemEntries(_folder.Path("store")));
    }

    [Fact]
    public void All_that_is_in_a_folder_goes_with_it_and_nothing_that_links_lead_to()
    {
        _folder.Shell("""
            mkdir kept victim; echo kept >kept/file; cd victim; ln -s ../kept link; ln -s ../kept/file file; mkfifo pipe
            mkdir -p a/b/c a/d; ln -s ../../../kept a/b/link; touch "$(printf 'a/b/\\377')"; mkdir -m 0 shut
            cd a; for i in $(seq 2000); do mkdir $i; done
            """);
        TreeRemoval.Remove(_folder.Path("victim"));
        TreeRemoval.Remove(_folder.Path("victim"));
        TreeRemoval.Remove(_folder.Path("none/victim"));
        File.CreateSymbolicLink(_folder.Path("victim"), _folder.Path("kept"));
        TreeRemoval.Remove(_folder.Path("victim"));
        Assert.Equal([_folder.Path("kept")], Directory.GetFileSystemEntries(_folder.Path("")));
        Assert.Equal("kept\n", File.ReadAllText(_folder.Path("kept/file")));
    }

    [Fact]
    public void What_is_mounted_in_it_is_not_entered()
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "mounts need root");
        File.WriteAllText(Path.Combine(_folder.Make("kept"), "file"), "kept");
        string place = _folder.Make("victim/inner");
        MountPoint.Bind(_folder.Path("kept"), place);
        try
        {
            Assert.ThrowsAny<LinuxException>(() => TreeRemoval.Remove(_folder.Path("victim")));
            Assert.True(File.Exists(_folder.Path("kept/file")));
        }
        finally
        {
            Assert.True(MountPoint.TryDetach(place));
        }
    }
}
