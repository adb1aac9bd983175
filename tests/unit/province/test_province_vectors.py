"""Every vector of section 8 of the provincial interface specification."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from csms.province.crypto import AES_MD5, SM4_SM3, Secrets
from csms.province.envelope import Codec, Request, Stamp, open_response, seal_request, seal_response

KEY = "1234567890abcdef"
SECRETS = Secrets.of(KEY, KEY, KEY, KEY)
AES = Codec(AES_MD5, SECRETS)
SM4 = Codec(SM4_SM3, SECRETS)
OPERATOR = "123456789"
STAMP = Stamp("20260101000000", "0001")

V2_DATA = (
    "il7B0BSEjFdzpyKzfOFpvg/Se1CP802RItKYFPfSLRxJ3jf0bVl9hvYOEktPAYW2nd7S8MBcyHYyacHKbISq5iTmDzG+ivnR+SZJv3USNTYVMz9rCQVS"
    "xd0cLlqsJauko79NnwQJbzDTyLooYoIwz75qBOH2/xOMirpeEqRJrF/EQjWekJmGk9RtboXePu2rka+Xm51syBPhiXJAq0GfbfaFu9tNqs/e2Vjja/lt"
    "E1M0lqvxfXQ6da6HrThsm5id4ClZFIi0acRfrsPLRixS/IQYtksxghvJwbqOsbIsITail9Ayy4tKcogeEZiOO+4Ed264NSKmk7l3wKwJLAFjCFogBx8G"
    "E3OBz4pqcAn/ydA="
)
V2_PLAIN = (
    '{"total":1,"stationStatusInfo":{"operationID":"123456789","stationID":"111111111111111","connectorStatusInfos":'
    '{"connectorID":1,"equipmentID":"10000000000000000000001","status":4,"currentA":0,"currentB":0,"currentC":0,'
    '"voltageA":0,"voltageB":0,"voltageC":0,"soc":10,}}}'
)
V3_PLAIN = '{"OperatorID":"123456789",\n"OperatorSecret":"1234567890abcdef"}'
V4_DATA = (
    "uxeKP0ezR5yL8xSg4/ZCDh/N91/u86NXFxd2DrwZVW8zCPYcpl59Twz/yQZ3RaO4rDDrGmkvQignmNEJ+k4PGxdmIC+4fpJ8rU6osSobY+AeA0uueuQ5"
    "+eQiWBL6p6v5XMMm91brtK8yfFELYUWQzVcxABnAwK/+dyxtUhqLIxUpkwTEU/4ktN40df9IzzlLO5uvUknPGYu9yL0pp5w9vdRxmA1RiiTDNCysz6kl"
    "r9bunGV3VJa2qpLcgeZMf/oG"
)
C2_PLAIN = (
    '{"ConnectorStatusInfo":{"ConnectorID":"37110000000000000000000101","Status":3,"ParkStatus":50,"LockStatus":10}}'
)
C2_DATA = (
    "Bq+0LsmzLSCEoMjxBr7JEZiqs8Goy0eNs0xUSBu5loSlHyA/acgX6rvxcmphN/0fPhBoOXHV4Ud4AKpt32x/76+3dpncBFADnolU9DFBAsm28NTPVWRH"
    "woVhwZYI/mQxqiRHNNmMQJRUyukvKpcKAQ=="
)
N3_DATA = (
    "uKd+D1GNvzWjBY8lq9xpfqfqbw7m9hfi6PdH6phvBEdF2wG29RZ8LA+LPc56HWcP1RifG6axIp+5NVN4FLvbAYZMxq7lI72AfJq85eB/HZd10zmZtWmT"
    "NtIq0tkudX2J8SsYprZJvVLgS+2NB8yx9w=="
)


def test_v1_aes() -> None:
    assert AES_MD5.encrypt(b"hello world!", SECRETS) == "cmljobIKHDAcF9uf3mgs/w=="
    assert AES_MD5.decrypt("cmljobIKHDAcF9uf3mgs/w==", SECRETS) == b"hello world!"


REQUESTS = [
    ("V2", V2_PLAIN, V2_DATA, Stamp("20160729142400", "0001"), "745166E8C43C84D37FFEC0F529C4136F"),
    (
        "V3",
        V3_PLAIN,
        "mYvffpNoFf4E/ZTC1tOw41TC5OlkEobfAYCm5N8hEusaLUaUIqOrXtdbMrSck0DSmfM7mRuOGMoCQzH0nWPGuw==",
        Stamp("20180120165755", "0001"),
        "D2D584A14F3F284445DF85D0E8C0697C",
    ),
    (
        "C1",
        '{"OperatorID":"123456789","OperatorSecret":"1234567890abcdef"}',
        "mYvffpNoFf4E/ZTC1tOw4+S74uaNgpDhWMT5uPmKMx85MaH8xOvGGkfRD+sxTiozejsfxIVge8Hi9/aaO4BIyg==",
        STAMP,
        "5425EF433F1AE2BA472BAB5FF53AF8B5",
    ),
    ("C2", C2_PLAIN, C2_DATA, STAMP, "468A999F31DEE64E67E7CCFC94367CF2"),
    (
        "C3",
        '{"StationName":"日照市充电站"}',
        "FKIbl35bwQu0F/N14lkbz5XCvAvyM2wS7aHEpIGIfwhF7R6eqDoxIo8O4H0Azzjq",
        STAMP,
        "CA6131FA2DC71382A616735D5475F220",
    ),
]


@pytest.mark.parametrize(("plain", "data", "stamp", "sig"), [row[1:] for row in REQUESTS], ids=[r[0] for r in REQUESTS])
def test_request_vectors(plain: str, data: str, stamp: Stamp, sig: str) -> None:
    sealed = seal_request(AES, OPERATOR, plain.encode(), stamp)
    assert sealed == Request(OPERATOR, data, stamp.timestamp, stamp.seq, sig)
    assert AES_MD5.decrypt(data, SECRETS) == plain.encode()


def test_v2_plaintext_is_not_json() -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(V2_PLAIN)


def test_v4_token_response() -> None:
    wire = json.dumps({"Ret": 0, "Msg": "", "Data": V4_DATA, "Sig": "58E52010C7DEE87FE183B0AFA5B2BE30"}).encode()
    _, body = open_response(AES, wire, OPERATOR)
    assert body == {
        "OperatorID": "123456789",
        "SuccStat": 0,
        "AccessToken": "kVnStIRknCCOBdXgJrmu8rb3pcccifKW2NcQrysKKIzb7iQBxkkjeq3WoGdjgrIL",
        "TokenAvailableTime": 7200,
        "FailReason": 0,
    }


RESPONSES = [
    ("C4", 0, "请求成功", '{"Status":0}', "9MVkuXXxCLW2u0cUb7YXOA==", "60B4D099B97D6A287F771EE9A5EDC578"),
    ("C5", 0, "", "", "", "01F821ACCE0EEF0DAB5C0AECA797F378"),
    ("C6", -1, "系统繁忙", "", "", "43BF65346D8EB85D0B784B525656FDB0"),
    ("C7", 4001, "签名错误", "", "", "4A3EE825A34B784861BA28875ACBCEE2"),
    ("C8", 4004, "参数错误", "", "", "A77EC2379BC4F1C100F4176F9CB6911E"),
]


@pytest.mark.parametrize(
    ("ret", "msg", "plain", "data", "sig"), [row[1:] for row in RESPONSES], ids=[r[0] for r in RESPONSES]
)
def test_response_vectors(ret: int, msg: str, plain: str, data: str, sig: str) -> None:
    sealed = seal_response(AES, ret, msg, plain.encode())
    assert (sealed.data, sealed.sig) == (data, sig)
    opened, body = open_response(AES, sealed.to_wire(), OPERATOR)
    assert opened == sealed
    assert body == (json.loads(plain) if plain else {})


def test_n1_sm3() -> None:
    digest = hashes.Hash(hashes.SM3())
    digest.update(b"abc")
    assert digest.finalize().hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_n2_sm4_block() -> None:
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    encryptor = Cipher(algorithms.SM4(key), modes.ECB()).encryptor()
    assert (encryptor.update(key) + encryptor.finalize()).hex() == "681edf34d206965e86b3e94f536e4246"


def test_n3_sm4_cbc() -> None:
    assert SM4_SM3.encrypt(C2_PLAIN.encode(), SECRETS) == N3_DATA
    assert SM4_SM3.decrypt(N3_DATA, SECRETS) == C2_PLAIN.encode()


def test_n4_hmac_sm3_over_the_aes_data() -> None:
    text = Request(OPERATOR, C2_DATA, STAMP.timestamp, STAMP.seq, "").signed_text
    assert SM4_SM3.sign(text, SECRETS) == "E2BC53958983278AA6AA573539ED0BA53D1C14ED78B2567815E7C43405AB12C7"


def test_n5_the_whole_national_suite() -> None:
    sealed = seal_request(SM4, OPERATOR, C2_PLAIN.encode(), STAMP)
    assert sealed.data == N3_DATA
    assert sealed.sig == "CC8937278CDC69E6E784E2B985990A16A20DE4E0FCAA8026B697B023A4CDF003"
