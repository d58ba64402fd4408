using Runcvm.HostFiles;
using Runcvm.Images;
using Runcvm.Linux.Mounts;

namespace Runcvm.Tests.Images;

public sealed class LayerChainTests : IDisposable
{
    private readonly TemporaryFolder _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public void Docker_links_are_resolved_and_its_init_layer_is_left_out()
    {
        string root = Docker("abc", out string options);
        LayerChain chain = Chain(root, options);
        Assert.Equal([_store.Path("two/diff"), _store.Path("one/diff")], chain.Layers);
        Assert.Equal(_store.Path("abc/diff"), chain.Upper);
        Assert.Equal(_store.Path("abc"), chain.ContainerFolder);
    }

    [Fact]
    public void Long_Docker_chains_have_relative_names_meant_from_the_store()
    {
        string root = Docker("abc", out string options);
        LayerChain chain = Chain(root, options.Replace(_store.Path("") + "/", ""));
        Assert.Equal([_store.Path("two/diff"), _store.Path("one/diff")], chain.Layers);
        Assert.Equal(_store.Path("abc/diff"), chain.Upper);
    }

    [Fact]
    public void Containers_of_one_image_have_one_key_and_other_images_another()
    {
        string first = Docker("abc", out string firstOptions);
        string second = Docker("def", out string secondOptions);
        string key = Chain(first, firstOptions).Key;
        Assert.Equal(key, Chain(second, secondOptions).Key);
        Assert.Matches("^[0-9a-f]{32}$", key);
        Assert.NotEqual(key, Chain(first, firstOptions.Replace("l/TWO", "l/OTHER")).Key);
    }

    [Fact]
    public void A_layer_made_anew_under_its_old_name_has_another_key()
    {
        string root = Docker("abc", out string options);
        string key = Chain(root, options).Key;
        Directory.Delete(_store.Path("one/diff"));
        _store.Make("one/diff");
        Assert.NotEqual(key, Chain(root, options).Key);
    }

    [Fact]
    public void Containerd_snapshots_are_all_kept()
    {
        foreach (string snapshot in new[] { "1", "2", "7" }) _store.Make($"{snapshot}/fs");
        string root = _store.Make("task/rootfs");
        string options = $"rw,lowerdir=2/fs:1/fs,upperdir={_store.Path("7/fs")},workdir={_store.Path("7/work")}";
        LayerChain chain = Chain(root, options);
        Assert.Equal([_store.Path("2/fs"), _store.Path("1/fs")], chain.Layers);
        Assert.Equal(_store.Path("7"), chain.ContainerFolder);
    }

    [Fact]
    public void Podman_names_of_open_folders_are_looked_up_in_the_lower_file()
    {
        string root = Docker("abc", out _);
        File.WriteAllText(_store.Path("abc/lower"), "l/TWO:l/ONE\n");
        LayerChain chain = Chain(root, $"rw,lowerdir=11:12,upperdir={_store.Path("abc/diff")},workdir=x");
        Assert.Equal([_store.Path("two/diff"), _store.Path("one/diff")], chain.Layers);
    }

    [Fact]
    public void Options_set_one_by_one_and_escaped_characters_are_read()
    {
        string one = _store.Make("a:b,c/diff");
        string two = _store.Make("two words/diff");
        string root = _store.Make("x/merged");
        string escaped = one.Replace(",", "\\054");
        string spaces = two.Replace(" ", "\\040");
        LayerChain chain = Chain(root, $"ro,lowerdir+={escaped},lowerdir+={spaces}");
        Assert.Equal([one, two], chain.Layers);
        // In a joined list overlayfs wants the colon as "\:", and the kernel shows that backslash as "\134".
        Assert.Equal([one, two], Chain(root, $"ro,lowerdir={escaped.Replace(":", "\\134:")}:{spaces}").Layers);
        Assert.Null(chain.ContainerFolder);
    }

    [Fact]
    public void The_last_mount_on_the_root_counts()
    {
        string root = Docker("abc", out string options);
        MountInfo below = MountInfo.Parse($"1 2 0:1 / {root} rw - tmpfs tmpfs rw");
        Assert.NotNull(LayerChain.Of(root, [below, Overlay(root, options)]).Upper);
        Assert.Equal([root], LayerChain.Of(root, [Overlay(root, options), below]).Layers);
    }

    [Fact]
    public void Layers_that_cannot_be_found_are_named()
    {
        string root = _store.Make("x/merged");
        UsageException e = Assert.Throws<UsageException>(() => Chain(root, "ro,lowerdir=/nowhere:/nowhere2"));
        Assert.Contains("/nowhere:/nowhere2", e.Message);
    }

    [Fact]
    public void A_plain_folder_is_its_own_chain_with_a_key_that_follows_its_content()
    {
        string root = _store.Make("plain");
        File.WriteAllText(Path.Combine(root, "a"), "1");
        LayerChain chain = LayerChain.Of(root, []);
        Assert.Equal([root], chain.Layers);
        Assert.Equal(chain.Key, LayerChain.Of(root, []).Key);
        File.Move(Path.Combine(root, "a"), Path.Combine(root, "b"));
        Assert.NotEqual(chain.Key, LayerChain.Of(root, []).Key);
    }

    [Fact]
    public void Containerds_store_has_the_layer_of_mount_points_under_a_number()
    {
        string options = Containerd("6");
        LayerChain chain = Chain(_store.Path("root"), options);
        Assert.Equal([_store.Path("1/fs")], chain.Layers);
        Assert.Equal(chain.Key, Chain(_store.Path("root"), Containerd("8")).Key);
    }

    [Theory]
    [InlineData("etc/passwd", "")]
    [InlineData("etc/hosts", "127.0.0.1 localhost")]
    [InlineData("dev/pts/0", "")]
    [InlineData("usr/bin/su", "")]
    public void A_layer_with_anything_else_is_the_images(string file, string content)
    {
        string options = Containerd("6");
        Directory.CreateDirectory(Path.GetDirectoryName(_store.Path("6/fs/" + file))!);
        File.WriteAllText(_store.Path("6/fs/" + file), content);
        Assert.Equal(2, Chain(_store.Path("root"), options).Layers.Count);
    }

    [Fact]
    public void A_layer_without_Dockers_mark_is_the_images()
    {
        string options = Containerd("6");
        File.Delete(_store.Path("6/fs/.dockerenv"));
        Assert.Equal(2, Chain(_store.Path("root"), options).Layers.Count);
    }

    [Fact]
    public void The_root_may_be_named_through_a_link()
    {
        string root = Docker("abc", out string options);
        File.CreateSymbolicLink(_store.Path("link"), root);
        Assert.NotNull(LayerChain.Of(_store.Path("link"), [Overlay(root, options)]).Upper);
    }

    [Theory]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData(
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    public void Sha256_gives_the_digests_of_the_standard(string text, string digest) => Assert.Equal(digest, Sha256.Hex(text));

    private static LayerChain Chain(string root, string options) => LayerChain.Of(root, [Overlay(root, options)]);

    private static MountInfo Overlay(string root, string options)
        => MountInfo.Parse($"520 31 0:59 / {root} rw,relatime shared:270 - overlay overlay {options}");

    // containerd's overlayfs snapshotter, with the entries that Docker 28.5 makes.
    private string Containerd(string init)
    {
        string[] mountPoints = [$"{init}/fs/dev/pts", $"{init}/fs/dev/shm", $"{init}/fs/etc"];
        foreach (string folder in (string[])["root", "1/fs", "7/fs", "7/work", .. mountPoints]) _store.Make(folder);
        foreach (string file in new[] { ".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf" })
            File.WriteAllText(_store.Path($"{init}/fs/{file}"), "");
        string link = _store.Path($"{init}/fs/etc/mtab");
        if (!Path.Exists(link)) File.CreateSymbolicLink(link, "/proc/mounts");
        string store = _store.Path("");
        return $"rw,lowerdir={store}/{init}/fs:{store}/1/fs,upperdir={store}/7/fs,workdir={store}/7/work";
    }

    private string Docker(string container, out string options)
    {
        _store.Make("l");
        foreach ((string link, string layer) in new[] { ("ONE", "one"), ("TWO", "two"), ("OTHER", "other"), ("INIT" + container, container + "-init") })
        {
            _store.Make(layer + "/diff");
            if (!Path.Exists(_store.Path("l/" + link))) File.CreateSymbolicLink(_store.Path("l/" + link), $"../{layer}/diff");
        }

        foreach (string part in new[] { "diff", "work", "merged" }) _store.Make($"{container}/{part}");
        string store = _store.Path("");
        options = $"rw,lowerdir={store}/l/INIT{container}:{store}/l/TWO:{store}/l/ONE,upperdir={store}/{container}/diff,workdir={store}/{container}/work";
        return _store.Path($"{container}/merged");
    }
}
