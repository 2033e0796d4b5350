"""Each archive of the collection ends as the table says; one that is not in it ends with some outcome all the same."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from memory_costs import measured

from watcher.errors import RejectedError
from watcher.model import Limits
from watcher.processing import archive

LIMITS = Limits()
MOST_KB = 60_000  # the process may grow by over all archives, bombs among them

# file | what becomes of it: how many members come whole, and why each other does not | why it is here
TABLE = """
WarnInvalidDate.zip | 42 whole | dates of zero
aes-keka.zip | 0 whole; file2.txt: encrypted; mimetype: encrypted | AES by Keka
bin_stored.zip | 1 whole | encrypted flag off, stored
chinese.zip | 1 whole | names in GBK
data_descriptor.zip | 1 whole | streamed
deflate64_issue_25.zip | refused: no directory at its end | its directory is not there
extended_timestamp.zip | 2 whole | times in an extra field
files_and_dirs.zip | 1 whole | folders are no members
gen_2000_entries.zip | 2000 whole | 2000 non-image entries
gen_backslash_names.zip | 1 whole | backslash separators from old Windows tools
gen_bad_date.zip | 1 whole | DOS date 2107-15-31 31:63:62
gen_bzip2.zip | 1 whole | method 12
gen_case_collision.zip | 3 whole | names differ in case only
gen_comment_64k.zip | 1 whole | longest comment: EOCD search must reach back 65557 bytes
gen_cp437_names.zip | 1 whole | CP437 name
gen_data_descriptor.zip | 2 whole | streamed, sizes after data
gen_deep_100.zip | 1 whole | 100 levels
gen_dirs_only.zip | 0 whole | only directories
gen_empty.zip | 0 whole | no entries (22 bytes): valid
gen_encrypted.zip | 1 whole; secret.jpg: encrypted | ZipCrypto, password 'password', plus one open entry
gen_good_and_bad_members.zip | 5 whole | 2 good, 3 bad members: good ones must still arrive
gen_identical_200.zip | 200 whole | 200 names, one content (dedup)
gen_lzma.zip | 1 whole | method 14
gen_mac_junk.zip | 5 whole | resource forks and OS litter: 1 picture
gen_mode_000.zip | 1 whole | unix mode 000
gen_name_255.zip | 1 whole | 255-byte component (max): adding any suffix overflows NAME_MAX
gen_nested3.zip | 2 whole | zip in zip in zip
gen_nfc_nfd_pair.zip | 2 whole | NFC and NFD spelling of one name, different content
gen_no_images.zip | 2 whole | nothing to ingest
gen_plain.zip | 3 whole | 3 pictures
gen_prefix_unadjusted.zip | 1 whole | prefix, offsets not adjusted
gen_setuid.zip | 1 whole | setuid+setgid bits: do not restore
gen_sfx_prefix.zip | 1 whole | 4 KiB of prefix, offsets adjusted
gen_sjis_names.zip | 1 whole | Shift-JIS name; contains byte 0x5C (backslash)
gen_stored.zip | 1 whole | method 0
gen_unicode_path_extra.zip | 1 whole | Info-ZIP unicode path field
gen_utf8_names.zip | 2 whole | UTF-8 names, flag set
gen_utf8_names_no_flag.zip | 1 whole | UTF-8 bytes without flag (mojibake in zipfile)
gen_windows_names.zip | 5 whole | names illegal on Windows
gen_zero_date.zip | 1 whole | DOS date 0 (month 0, day 0)
gen_zip64.zip | 1 whole | zip64 local header
globTest.zip | 3 whole | empty files
gpbit3stored.zip | 2 whole | streamed
linux-7z.zip | 1 whole | UTF-8 by 7-Zip
local_extra_field.zip | 2 whole | an extra field in the local header alone
max_length_file_comment.zip | 1 whole | a member with a comment of 64 KB
misaligned_comment.zip | 0 whole | an empty zip, zeros behind it
non_utf8.zip | 2 whole | names in GBK and in Shift-JIS
ntfs.zip | 1 whole | NTFS times
oddExtraField.zip | 12 whole | extra fields of odd length
osx-archive.zip | 4 whole | with resource forks
ppmd.zip | 0 whole; ipsum.txt: PPMd | method 98
rubycode.zip | 3 whole | executables
windows-7zip.zip | 1 whole | a Unicode path field
xz.zip | 0 whole; hello.txt: XZ | method 95
zip-aes-128.zip | 0 whole; zip-aes-128.txt: encrypted | AES
zip-aes-256.zip | 0 whole; zip-aes-128.txt: encrypted; zip-aes-256.txt: encrypted | AES
zip64-sample.zip | 2 whole | zip64
zip64_demo.zip | 1 whole | zip64, packed from a pipe
zipWithBzip2Compression.zip | 2 whole | method 12
zipWithDirs.zip | 6 whole | folders are no members
zipWithEncryption.zip | 0 whole; file1.txt: encrypted; file2.txt: encrypted | ZipCrypto
zipWithStoredCompressionAndEncryption.zip | 0 whole; file1.txt: encrypted; file2.txt: encrypted | ZipCrypto
absolute1.zip | 1 whole | an absolute path
absolute2.zip | 1 whole | an absolute path
absolutepath.zip | 1 whole | an absolute path
dirsymlink.zip | 1 whole; tmp: symbolic link | a link, and a file through it
dirsymlink2a.zip | 1 whole; cur: symbolic link; par: symbolic link | links, and a file through them
extended_timestamp_bad.zip | 2 whole | an extra field longer than the extra fields
gen_bad_crc.zip | 1 whole; bad.jpg: is not what the zip's directory says | bad.jpg CRC wrong
gen_bad_deflate.zip | 1 whole; bad.jpg: cannot be unpacked | deflate stream invalid
gen_bomb_entries_5000.zip | 5000 whole | 5000 empty entries (inodes)
gen_bomb_flat_100m.zip | refused: limits.zip_ratio | 100 MiB of zeros in ~100 KiB, honest header
gen_bomb_nested_10x4.zip | 10 whole | 10 copies at each of 4 levels: 1 TiB
gen_bomb_overlap_1000.zip | refused: limits.zip_ratio | 1000 central entries share one local entry: 100 GiB total
gen_bzip2_bad.zip | 0 whole; a.jpg: cannot be unpacked | bzip2 stream invalid (OSError from bz2)
gen_concatenated.zip | refused: begins with members that its directory leaves out | two zips end to end
gen_csize_past_eof.zip | refused: end behind the end | compressed size beyond end of file
gen_deflate_truncated.zip | 0 whole; bad.jpg: is not what the zip's directory says | deflate stream ends early
gen_device_nodes.zip | 0 whole; fifo.jpg: named pipe; chr.jpg: device; sock.jpg: socket | FIFO/char device/socket modes
gen_dir_with_data.zip | 0 whole; a.jpg: folder that has content | name ends in / but has data
gen_duplicate_names.zip | 2 whole | same name twice, different content: neither may be lost silently
gen_empty_file.zip | refused: no directory at its end | 0 bytes
gen_encrypted_flag_only.zip | 0 whole; a.jpg: encrypted | encrypted bit, data plain
gen_eocd_count_lies.zip | refused: counts 500 | EOCD says 500 entries, 1 present
gen_eocd_count_low.zip | 2 whole | EOCD says 1, 2 present
gen_eocd_multi_disk.zip | refused: that was split | split archive, disk 3 of set
gen_eocd_offset_past_eof.zip | refused: begin before the file | CD offset out of range
gen_extra_lies.zip | 1 whole | extra field length lies
gen_file_dir_conflict.zip | 2 whole | 'a' is a file and a directory
gen_garbage.zip | refused: no directory at its end | zip magic, garbage
gen_local_name_differs.zip | 1 whole | local and central names differ (length and text)
gen_lzma_bad_props.zip | 0 whole; a.jpg: cannot be unpacked | LZMA properties invalid (lzma.LZMAError)
gen_method_1.zip | 1 whole; a.jpg: shrinking | unsupported method 1
gen_method_65535.zip | 1 whole; a.jpg: method 65535 | unsupported method 65535
gen_method_9.zip | 1 whole; a.jpg: Deflate64 | unsupported method 9
gen_method_93.zip | 1 whole; a.jpg: Zstandard | unsupported method 93
gen_method_95.zip | 1 whole; a.jpg: XZ | unsupported method 95
gen_method_98.zip | 1 whole; a.jpg: PPMd | unsupported method 98
gen_method_99.zip | 1 whole; a.jpg: encrypted | unsupported method 99
gen_name_300.zip | 1 whole | component longer than NAME_MAX
gen_name_65535.zip | 1 whole | 65535-byte name
gen_name_bidi.zip | 1 whole | right-to-left override
gen_name_controls.zip | 1 whole | newline / terminal escapes in name
gen_name_dots.zip | 4 whole | names . and ..
gen_name_empty.zip | 2 whole | empty name
gen_name_invalid_utf8.zip | 1 whole | UTF-8 flag with invalid bytes
gen_name_nul.zip | 1 whole | NUL in name
gen_name_path_6000.zip | 1 whole | path longer than PATH_MAX
gen_name_sql.zip | 5 whole | SQL / shell / option / HTML in names
gen_nested_60_deep.zip | 1 whole | 60 levels of nesting, one small picture
gen_no_eocd.zip | refused: no directory at its end | no end record (upload in progress): retry later
gen_offset_into_data.zip | refused: overlap another member's | local header offset points into data
gen_offset_past_eof.zip | refused: end behind the end | local header offset beyond end of file
gen_size_lies_huge.zip | refused: limits.zip_ratio | header says 4 GiB, data is small: do not preallocate
gen_size_lies_small.zip | 0 whole; a.jpg: is not what the zip's directory says | header says 100 bytes, stream is 10 MiB
gen_slip_abs.zip | 2 whole | path '/evil-abs.jpg'
gen_slip_backslash.zip | 2 whole | path '..\\..\\evil.jpg'
gen_slip_dot_slash.zip | 2 whole | path './././../evil.jpg'
gen_slip_dotdot.zip | 2 whole | path '../../evil.jpg'
gen_slip_double_slash.zip | 2 whole | path '//evil.jpg'
gen_slip_drive.zip | 2 whole | path 'C:\\evil.jpg'
gen_slip_drive_rel.zip | 2 whole | path 'C:evil.jpg'
gen_slip_encoded.zip | 2 whole | path '%2e%2e/%2e%2e/evil.jpg'
gen_slip_fullwidth.zip | 2 whole | path '．．／evil.jpg'
gen_slip_home.zip | 2 whole | path '~/evil.jpg'
gen_slip_mid.zip | 2 whole | path 'ok/../../evil.jpg'
gen_slip_triple.zip | 2 whole | path '.../...//evil.jpg'
gen_slip_unc.zip | 2 whole | path '\\\\host\\share\\evil.jpg'
gen_slip_url.zip | 2 whole | path 'file:///evil.jpg'
gen_strong_encryption.zip | 0 whole; a.jpg: encrypted | strong-encryption bit
gen_symlink_dir_then_file.zip | 1 whole; d: symbolic link | symlink directory, then a file through it
gen_symlink_etc.zip | 0 whole; link.jpg: symbolic link | symlink entry to an absolute path
gen_symlink_self.zip | 0 whole; l.jpg: symbolic link | symlink loop
gen_text.zip | refused: no directory at its end | text named .zip
gen_truncated_cd.zip | refused: no directory at its end | central directory cut
gen_truncated_half.zip | refused: no directory at its end | cut at 50% (upload in progress)
gen_two_eocd.zip | 1 whole | EOCD signature inside the comment
gen_version_needed_255.zip | 1 whole | needs version 25.5
gen_zeros_tail.zip | refused: no directory at its end | tail zeroed
gen_zip64_lies.zip | refused: limits.zip_bytes | zip64 sizes 2^62
gen_zip64_short_extra.zip | refused: limits.zip_ratio | zip64 extra too short
invalid-split.zip | 1 whole | begins with a split marker, is whole
invalid_cde_number_of_files_allocation_greater_offset.zip | refused: no directory at its end | its directory is outside
invalid_offset.zip | refused: no directory at its end | its directory would be elsewhere
out_evil.zip | 1 whole | a path upwards
raw_deflate64_index_out_of_bounds.zip | refused: limits.zip_ratio | 1.2 GB in 724 bytes
relative2.zip | 1 whole | a path upwards
rubyzip-symlink.zip | 1 whole; path: symbolic link | a link, and a file through it
symlink.zip | 1 whole; moo: symbolic link | a link and a file of one name
tilde.zip | 2 whole | named like a home
zip64_magic_in_filename_1.zip | 1 whole | zip64 signatures in a name
zip64_magic_in_filename_4.zip | 2 whole | zip64 signatures in names
zipWithCDirHeadersInPayload.zip | 1 whole | directory signatures in a member
zipWithTooBigCDirSizeField.zip | refused: counts 2 | a directory too big for the file
zipWithTooBigCDirSizeField64.zip | refused: counts 2 | a directory too big for the file
"""


def outcome(path: str) -> str:
    """What becomes of an archive, in the words of the sentences that people read, as JSON."""
    try:
        members = archive.members(path, LIMITS)
    except RejectedError as error:
        return json.dumps(["refused", str(error)])
    found = [(member.path, _extracted(path, member.index, member.size)) for member in members]
    whole = sum(said is None for _, said in found)
    return json.dumps([f"{whole} whole", *(f"{name}: {said}" for name, said in found if said is not None)])


def _extracted(path: str, index: int, size: int) -> str | None:
    with tempfile.TemporaryFile() as target:
        try:
            archive.extract(path, index, target, LIMITS)
        except archive.UnreadableMemberError as error:
            assert target.tell() <= size, "it took more of the disk than it said"
            return str(error)
        assert target.tell() == size
    return None


def expected() -> dict[str, list[str]]:
    rows = [row.split(" | ") for row in TABLE.strip().splitlines()]
    return {name: what.replace("refused: ", "refused; ").split("; ") for name, what, _ in rows}


@pytest.mark.corpus
def test_every_archive_of_the_collection_ends_as_the_table_says(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = sorted(file for folder in ("archives", "hostile-archives") for file in (corpus / folder).iterdir())
    costs = measured(outcome, [(str(file),) for file in files])
    found = {file.name: json.loads(said) for file, (said, _) in zip(files, costs, strict=True)}
    table = expected()
    assert set(table) <= set(found), "the table names what is not there"
    assert {name: said for name, said in found.items() if name in table and not _as_told(said, table[name])} == {}
    assert all("\n" not in words for said in found.values() for words in said[1:] if said[0] == "refused")
    assert max(grown for _, grown in costs) < MOST_KB
    assert not list(tmp_path.iterdir()), "nothing is written by a member's path"


def _as_told(said: list[str], told: list[str]) -> bool:
    """Same first words; then as many members, each by its name and with the reason somewhere in what is said."""
    if said[0] != told[0] or len(said) != len(told):
        return False
    return all(
        all(part in one for part in part_of.split(": ", 1)) for one, part_of in zip(said[1:], told[1:], strict=True)
    )
